"""Documents that arrived together."""

import math

import numpy as np
import pytest
from langchain_core.documents import Document

from sentinel import Candidate, IngestionFacts
from sentinel.signals.ingestion_burst import IngestionBurst
from tests.builders import evidence

DAY = 86_400.0


def measure(times):
    found = [Candidate(i, Document(page_content="x"), ingestion=IngestionFacts(t)) for i, t in enumerate(times)]
    return IngestionBurst().measure(evidence(found=found))


def test_a_burst_a_bulk_load_and_unknown_times():
    days = [DAY * i for i in range(1, 6)]
    np.testing.assert_array_equal(measure([0.0, 5.0, 600.0, *days]), [2, 2, 2, 0, 0, 0, 0, 0])
    assert measure([0.0, 1.0, 2.0, 3.0, DAY]).tolist() == [0] * 5
    np.testing.assert_array_equal(measure([0.0, None, DAY, 2 * DAY]), [0, np.nan, 0, 0])


@pytest.mark.parametrize("times", [[], [0.0, 1.0], [None] * 5, [math.nan, math.inf, 0.0, 1.0]])
def test_missing(times):
    assert measure(times) is None
    assert IngestionBurst().reason(evidence(), np.array([2.0])).startswith("3 of the documents")
