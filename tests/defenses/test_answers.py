"""Answers without a model, and whether they contradict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.context._answers import Answer, Kind, answer, contradict, contradictions, kind_of
from sentinel.text import words

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


@given(st.text(max_size=80), st.text(max_size=120))
def test_any_text_gives_an_answer_or_none(query, text):
    found = answer(words(query), text)
    assert found is None or found.terms
