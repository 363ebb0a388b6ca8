"""What parts gave is looked at before it is believed."""

import warnings

import numpy as np
import pytest

from strategist._checks import checked_vector, sound
from tests.builders import candidates

HUGE = np.full(4, 3e38, np.float32)
VECTORS = [np.ones(4, np.float32), HUGE, np.zeros(4, np.float32), np.full(4, np.nan, np.float32), "none", None]


@pytest.mark.parametrize("vector", VECTORS)
def test_a_vector_is_judged_alike_alone_and_among_candidates(vector):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,), faults = sound(candidates("a", vectors=[vector]))
        try:
            alone = checked_vector(vector)
        except ValueError:
            assert (found.vector, faults) == (None, 1)
        else:
            assert (found.vector is alone, faults) == (True, 0)


@pytest.mark.parametrize(
    ("similarity", "kept"),
    [(0.5, True), (np.float32(0.5), True), (1, True), (float("nan"), False), (float("inf"), False), ("x", False)],
)
def test_a_similarity_that_is_no_number_is_missing(similarity, kept):
    (found,), faults = sound(candidates("a", [similarity]))
    assert (found.similarity == similarity, faults) == ((True, 0) if kept else (False, 1))
