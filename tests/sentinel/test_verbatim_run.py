"""The longest stretch of the query in each candidate, in words."""

import numpy as np
import pytest

from sentinel.signals.verbatim_run import VerbatimRun
from tests.builders import evidence

QUERY = "is it true that the patient was treated with aspirin in May"


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("Notes: THE patient was treated, with aspirin!", 6),
        ("the patient was asked; he was treated with care", 3),
        ("The раtient was treated", 4),  # two Cyrillic letters
        ("nothing of it", 1),
        ("zebra", 0),
        ("", 0),
        ("the " * 50, 1),
    ],
)
def test_golden(text, run):
    np.testing.assert_array_equal(VerbatimRun().measure(evidence(QUERY, [text])), [run])


def test_one_value_per_candidate_in_order():
    found = evidence(QUERY, ["patient was", "x", QUERY])
    value = VerbatimRun().measure(found)
    assert value.tolist() == [2, 0, 12]
    assert VerbatimRun().reason(found, value) == "12 words in a row of the query stand in one document"


def test_a_placeholder_cuts_the_stretch():
    assert VerbatimRun().measure(evidence("he was [MASK_1] with aspirin", ["he was treated with aspirin"]))[0] == 2


def test_a_query_without_words_is_missing():
    assert VerbatimRun().measure(evidence("?!…", ["?!…"])) is None


def test_a_candidate_without_words_shares_nothing():
    assert VerbatimRun().measure(evidence("why", [""])).tolist() == [0.0]
