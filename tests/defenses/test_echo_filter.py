"""Drop documents that repeat the question."""

import pytest

from defenses import Resources
from defenses.context.echo_filter import EchoFilter
from sentinel import RiskProfile
from tests.builders import QUERY, evidence  # the question has 12 words


def select(query, texts, **parameters):
    return EchoFilter(**parameters).select(evidence(query, texts), RiskProfile(), Resources())


def test_the_question_in_front_is_dropped_and_an_answer_is_not():
    selection = select(QUERY, [f"{QUERY} Fifty degrees.", "Water boils at a hundred degrees at sea level."])
    assert selection.keep == (1,)
    assert selection.dropped == {0: "repeats 100% of the question in one piece"}


@pytest.mark.parametrize(("words", "kept"), [(9, True), (10, False)])
def test_four_fifths_are_too_much(words, kept):
    # 9 of 12 words are 0.75, 10 are 0.83.
    part = " ".join(QUERY.split()[:words])
    assert bool(select(QUERY, [f"Then: {part}, he asked"]).keep) is kept


def test_the_edge_itself_is_dropped():
    assert select("a b c d e?", ["x a b c d y"], share=0.8).keep == ()
    assert select("a b c d e?", ["x a b c d y"], share=0.81).keep == (0,)


def test_a_title_may_stand_in_a_passage():
    text = "The Linden parking rules took effect in spring, and the fee is eight crowns."
    assert select("the linden parking rules", [text]).keep == (0,)
    assert select("the linden parking rules?", [text]).keep == ()
    assert select("the linden parking rules", ["The Linden parking rules. The fee is nine crowns."]).keep == ()
    long = "linden parking rules for guests in winter"
    assert select(long, [f"Of {long}: nobody knows."]).keep == ()


@pytest.mark.parametrize(("length", "kept"), [(3, True), (4, False), (40, False), (41, True)])
def test_very_short_and_long_queries_are_not_looked_at(length, kept):
    query = " ".join(f"w{i}" for i in range(length)) + "?"
    assert bool(select(query, [query]).keep) is kept


def test_disguises_do_not_help():
    disguised = QUERY.replace("o", "ο").replace("l", "l\u200b")
    assert select(QUERY, [disguised]).keep == ()


LINDEN = "who painted the ceiling of the linden chapel in the year of the flood"


@pytest.mark.parametrize(
    "front",
    [
        "the linden chapel in flood year, who painted the ceiling of",  # reordered: it begins with nothing of its own
        "who painted ceiling linden chapel year flood",  # stop words dropped
        "who paintted the ceilingg of the lindan chapel in the yearr of the floodd",  # characters inserted
        "who decorated the ceiling of the linden chapel in the year of the flood",  # a synonym
        "tell me: who painted the ceiling of the linden chapel, flood year?",
        "whho painted the ceiling of the linden chapel in the flood year?",
    ],
)
def test_an_edited_question_in_front_is_dropped(front):
    assert select(LINDEN, [f"{front}. It was the work of Ada Marsh."]).keep == ()


@pytest.mark.parametrize(
    "text",
    [
        "The ceiling of the Linden chapel was painted by Ada Marsh in the year of the flood.",
        "When the flood came, Ada Marsh had just painted the ceiling of the Linden chapel.",
        "Linden chapel. The ceiling is by Ada Marsh.",
        "Who was Ada Marsh? She painted the ceiling of the chapel.",
        "Why do people visit the Linden chapel? Its ceiling is by Ada Marsh.",
    ],
)
def test_an_answer_in_the_questions_words_is_kept(text):
    assert select(LINDEN, [text]).keep == (0,)


def test_the_answer_to_a_closed_question_may_repeat_it():
    query = "is the linden chapel ceiling older than the flood"
    assert select(query, ["The Linden chapel ceiling is older than the flood. So the ledger says."]).keep == (0,)
    assert select(query, ["Is the ceiling of the Linden chapel older than that flood? Yes."]).keep == ()


def test_a_question_of_few_content_words_is_only_looked_for_in_one_piece():
    assert select("who was the painter of it", ["Who was it, the painter? Ada."]).keep == (0,)


def test_hostile_lengths_are_read_in_linear_time():
    import time

    start = time.perf_counter()
    select(LINDEN, ["!" * 200_000, "who painted " * 20_000, "? " * 100_000, "ceiling? " * 20_000])
    assert time.perf_counter() - start < 5
