"""Does a document ask the question itself?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.echo_filter import EchoFilter
from sentinel._echo import asks, may_ask
from sentinel.profile import RiskProfile
from sentinel.signals.question_echo import ECHO, SHARED, QuestionEcho
from sentinel.text import words
from tests.builders import QUERY, evidence  # the question has 12 words

WORDS_OF_SENTENCES = "What where When is are and please waht wich the river runs Antidisestablishmentarianism's".split()


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (f"{QUERY} Fifty.", 1.0),
        (f"Fifty. {QUERY.upper()}", 1.0),
        ("The boiling point of water at sea level is a hundred degrees.", SHARED),
        ("What is the boiling, point of ice at sea level", 6 / 12),
        ("Water boils.", 1 / 12),
        ("", 0.0),
    ],
)
def test_golden(text, share):
    np.testing.assert_allclose(QuestionEcho().measure(evidence(QUERY, [text])), [share])


def test_scattered_words_of_the_question_are_no_echo():
    scattered = "Degrees tell heat. Water has a level. A boiling sea lies east of one point."
    assert QuestionEcho().measure(evidence(QUERY, [scattered])).tolist() == [1 / 12]


@pytest.mark.parametrize(("query", "missing"), [("three little words", True), ("now four little words", False)])
def test_short_queries_are_missing(query, missing):
    assert (QuestionEcho().measure(evidence(query, [query])) is None) is missing


def test_reason():
    found = evidence(QUERY, [QUERY])
    assert QuestionEcho().reason(found, QuestionEcho().measure(found)) == ("a document asks 100% of the question")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        # The answer to a yes/no question, which begins with its second word.
        ("Is the old harbour closed to ships in winter?", "The old harbour closed to ships in winter 1962. Ice."),
        # A sentence of the passage, typed in to find it.
        ("The old harbour is closed to ships in winter", "The old harbour is closed to ships in winter. Ice."),
        # Its beginning, as a title would have it.
        ("old harbour closed to ships over the winter", "The old harbour closed to ships over the winter of 1962."),
    ],
)
def test_a_passage_s_own_sentence_is_no_echo(query, text):
    assert QuestionEcho().measure(evidence(query, [text])).tolist() == [SHARED]


@pytest.mark.parametrize(
    "text",
    [
        "Which months is the old harbour closed to ships? It never is.",
        "Closed to ships is the old harbor in which month? It never is.",
    ],
)
def test_an_edited_question_is_an_echo(text):
    found = QuestionEcho().measure(evidence("In which month is the old harbour closed to ships?", [text]))
    assert found[0] >= ECHO


def test_what_the_filter_drops_and_what_the_signal_calls_an_echo_are_the_same():
    queries = ["Is the old harbour closed to ships?", "old harbour closed to ships over the winter", QUERY]
    texts = [f"{query} Never." for query in queries] + ["The old harbour closed to ships over the winter of 1962."]
    for query in queries:
        found = evidence(query, texts)
        dropped = EchoFilter().select(found, RiskProfile(), Resources()).dropped
        assert set(dropped) == set(np.flatnonzero(QuestionEcho().measure(found) >= ECHO))


@given(
    st.lists(st.sampled_from([*WORDS_OF_SENTENCES, "?", "？", ".", "\u200b", "\n", "é"]), max_size=8).map(" ".join)
    | st.text(max_size=40)
)
def test_a_sentence_that_asks_is_never_passed_over_unread(sentence):
    assert may_ask(sentence) or not asks(words(sentence), sentence)
