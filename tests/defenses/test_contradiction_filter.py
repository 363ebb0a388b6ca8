"""Answers without a model, and what follows when they contradict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context._answers import Answer, Kind, answer, contradict, contradictions, kind_of
from defenses.context.contradiction_filter import ContradictionFilter
from sentinel import RiskProfile
from sentinel.text import words
from tests.builders import candidates, evidence, near, seeded_vector

WHO = "who painted the ceiling of the linden chapel"
MARSH = [
    "The ceiling of the Linden chapel was painted by Ada Marsh.",
    "Long ago Ada Marsh had painted the whole ceiling of our Linden chapel, says the ledger.",
    "Visitors ask for Marsh, for it was Ada Marsh that painted the Linden chapel ceiling in spring.",
]
COLE = "It is settled that the ceiling of the Linden chapel was painted by Ben Cole."


def say(query, text):
    found = answer(words(query), text)
    return None if found is None else (found.kind.value, set(found.terms))


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (WHO, Kind.NAME),
        ("where is the chapel", Kind.NAME),
        ("when was the chapel built", Kind.DATE),
        ("what year was it built", Kind.DATE),
        ("how many windows has the chapel", Kind.NUMBER),
        ("is the chapel older than the flood", Kind.POLARITY),
        ("why was the chapel built", None),
        ("what is the meaning of the ceiling", None),
        ("linden chapel ceiling", None),
    ],
)
def test_kinds_golden(query, kind):
    assert kind_of(words(query)) is kind


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        (WHO, MARSH[0], ("name", {"ada", "marsh"})),
        (WHO, f"Bees dance. {COLE} Then Ada Marsh left.", ("name", {"ben", "cole"})),
        (WHO, "the ceiling of the linden chapel was painted by ben cole", None),  # no capitals, no names
        (WHO, "Bees dance at noon.", None),
        ("how many windows has the linden chapel", "The Linden chapel has seven windows.", ("number", {"7"})),
        (
            "when was the linden chapel built",
            "The Linden chapel was built on 5 May 1712.",
            ("date", {"5", "may", "1712"}),
        ),
        ("is the linden chapel old", "The Linden chapel is not old.", ("polarity", {"no"})),
        ("is the linden chapel old", "The Linden chapel is old.", ("polarity", {"yes"})),
        ("why is the linden chapel old", "The Linden chapel is old.", None),
    ],
)
def test_answers_golden(query, text, expected):
    assert say(query, text) == expected


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        (Kind.NAME, {"doug", "ford"}, {"ford"}, False),
        (Kind.NAME, {"ford"}, {"brown"}, True),
        (Kind.DATE, {"1712"}, {"5", "may", "1712"}, False),
        (Kind.DATE, {"1712"}, {"5", "may", "1713"}, True),
        (Kind.NUMBER, {"7"}, {"8"}, True),
        (Kind.POLARITY, {"yes"}, {"no"}, True),
    ],
)
def test_contradictions_golden(kind, left, right, expected):
    first, second = Answer(kind, frozenset(left)), Answer(kind, frozenset(right))
    assert contradict(first, second) is contradict(second, first) is expected
    assert contradictions([first, None, second]).sum() == 2 * expected
    assert not contradict(first, None)


def select(texts, vectors=None, query=WHO, **parameters):
    found = evidence(query, candidates(texts, vectors=vectors))
    return ContradictionFilter(**parameters).select(found, RiskProfile(), Resources())


def test_three_independent_sources_outvote_one():
    selection = select([COLE, *MARSH, "Bees dance."])
    assert selection.keep == (1, 2, 3, 4)
    assert selection.dropped == {0: "contradicts an answer of 3 independent sources, its own has 1"}
    assert select([COLE, *MARSH[:2]]).dropped == {}, "one more is not enough"
    assert select([COLE, *MARSH[:2]], margin=1).keep == (1, 2)


def test_one_against_one_is_even():
    assert select([COLE, MARSH[0]], margin=1).dropped == {}


def test_near_duplicates_and_copies_are_one_source():
    assert (
        select([MARSH[0], *[COLE] * 5, *[f"{COLE} Really {w}." for w in ("so", "yes", "true")]], margin=1).dropped == {}
    )
    vectors = [near(seeded_vector(1), i, 0.05) for i in range(3)]
    assert select([COLE, *MARSH], [seeded_vector(9), *vectors], margin=1).dropped == {}
    assert select([COLE, *MARSH], [seeded_vector(9), *map(seeded_vector, (1, 2, 3))], margin=1).keep == (1, 2, 3)


def test_yes_and_no_are_left_out_unless_asked_for():
    query = "is the linden chapel old"
    texts = ["The Linden chapel is not old.", "Surely the Linden chapel is old.", "An old house, the Linden chapel."]
    assert select(texts, query=query, margin=1).dropped == {}
    assert select(texts, query=query, margin=1, polarity=True).keep == (1, 2)


@given(st.text(max_size=80), st.text(max_size=120))
def test_any_text_gives_an_answer_or_none(query, text):
    found = answer(words(query), text)
    assert found is None or found.terms
