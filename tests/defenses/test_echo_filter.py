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
    assert select("a b c d e", ["x a b c d y"], share=0.8).keep == ()
    assert select("a b c d e", ["x a b c d y"], share=0.81).keep == (0,)


@pytest.mark.parametrize(("length", "kept"), [(3, True), (4, False), (40, False), (41, True)])
def test_very_short_and_long_queries_are_not_looked_at(length, kept):
    query = " ".join(f"w{i}" for i in range(length))
    assert bool(select(query, [query]).keep) is kept


def test_disguises_do_not_help():
    disguised = QUERY.replace("o", "ο").replace("l", "l\u200b")
    assert select(QUERY, [disguised]).keep == ()
