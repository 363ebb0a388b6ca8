"""Does a document repeat the question in one piece?"""

import numpy as np
import pytest

from sentinel.signals.question_echo import QuestionEcho
from tests.builders import QUERY, evidence  # the question has 12 words


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (f"{QUERY} Fifty.", 1.0),
        (f"Fifty. {QUERY.upper()}", 1.0),
        ("The boiling point of water at sea level is a hundred degrees.", 8 / 12),
        ("What is the boiling, point of ice at sea level", 6 / 12),
        ("Water boils.", 1 / 12),
        ("", 0.0),
    ],
)
def test_golden(text, share):
    np.testing.assert_allclose(QuestionEcho().measure(evidence(QUERY, [text])), [share])


def test_scattered_words_of_the_question_are_no_echo():
    shuffled = "degrees in level sea at water of point boiling the is what"
    assert QuestionEcho().measure(evidence(QUERY, [shuffled])).tolist() == [1 / 12]


@pytest.mark.parametrize(("query", "missing"), [("three little words", True), ("now four little words", False)])
def test_short_queries_are_missing(query, missing):
    assert (QuestionEcho().measure(evidence(query, [query])) is None) is missing


def test_reason():
    found = evidence(QUERY, [QUERY])
    assert QuestionEcho().reason(found, QuestionEcho().measure(found)) == (
        "a document repeats 100% of the question in one piece"
    )
