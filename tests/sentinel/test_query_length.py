"""Length on a log scale."""

import math

import pytest

from sentinel.signals.query_length import QueryLength
from tests.builders import evidence


@pytest.mark.parametrize(("query", "count"), [("one two three", 3), ("!" * 50, 10), ("a " * 100, 100)])
def test_golden(query, count):
    assert QueryLength().measure(evidence(query)) == pytest.approx(math.log1p(count))
