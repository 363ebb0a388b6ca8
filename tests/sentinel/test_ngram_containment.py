"""Share of the query's 3-grams in each candidate."""

import numpy as np
import pytest

from sentinel.signals.ngram_containment import NgramContainment
from tests.builders import evidence

# Its 3-grams: he-was-seen, was-seen-in, seen-in-the, in-the-clinic: four.
QUERY = "He was seen in the clinic"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("He was seen in the clinic.", 1.0),
        ("It says: he was seen in the hall", 0.75),
        ("he was seen. In the clinic he", 1.0),
        ("seen in the, he was", 0.25),
        ("clinic the in seen was he", 0.0),
        ("he was", 0.0),
        ("", 0.0),
        ("HE WAS SEEN " * 100, 0.25),
    ],
)
def test_golden(text, share):
    np.testing.assert_array_equal(NgramContainment().measure(evidence(QUERY, [text])), [share])


def test_repeated_wording_counts_once():
    # The query's distinct 3-grams: a-a-a only.
    assert NgramContainment().measure(evidence("a a a a a", ["a a a"])).tolist() == [1.0]


def test_a_placeholder_does_not_hide_the_rest():
    masked = "one two three four five [MASK_1] seven eight nine"
    value = NgramContainment().measure(evidence(masked, ["one two three four five six seven eight nine"]))
    # Words: one..five, mask, 1, seven, eight, nine = 10, 3-grams = 8; clean: 3 + 1 = 4.
    assert value.tolist() == [0.5]


@pytest.mark.parametrize("query", ["two words", "?", "word"])
def test_a_short_query_is_missing(query):
    assert NgramContainment().measure(evidence(query, [query])) is None


def test_reason():
    found = evidence(QUERY, ["he was seen in the hall", "x"])
    assert NgramContainment().reason(found, NgramContainment().measure(found)) == (
        "75% of the query's wording stands in one document"
    )
