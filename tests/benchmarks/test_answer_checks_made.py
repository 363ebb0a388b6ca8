"""Made answers: what they copy stands where they say, and each disguise can be undone by its author."""

from __future__ import annotations

import pytest

from benchmarks.answer_checks_left import left_of
from benchmarks.answer_checks_made import BENIGN, FORMS, Asked, Form, benign, continuation, repeated, right_answers
from benchmarks.attacks.extract_continue import EDGE
from benchmarks.data import PoisonTarget, Query
from tests.benchmarks.tiny import BRIDGE, CHEESE, OUTSIDE, tiny

QUERY = Query("q", "who built the bridge?", frozenset({"bridge"}), answer="Anna Lintorp built it.")
ASKED = Asked(QUERY, (CHEESE, BRIDGE, OUTSIDE), gold=1, answers=("Anna Lintorp built it.", "Anna Lintorp"))


def made(asked: Asked = ASKED, seed: int = 0) -> dict[str, str]:
    return {answer.kind: answer.text for answer in benign(asked, seed)}


def test_every_kind_is_made_and_copies_the_passage_that_answers() -> None:
    found = made()
    assert tuple(found) == BENIGN
    assert found["right answer"] == "Anna Lintorp built it."
    first = "The bridge at Wenmere was built by the engineer Anna Lintorp between 1871 and 1874."
    second = "It carries the coastal railway over the river Silda and has four arches of red sandstone."
    assert found["one sentence"].endswith(first), "the sentence with the answer in it"
    assert found["two in a row"].endswith(f"{first} {second}")
    assert {found["one sentence, quoted"][found["one sentence, quoted"].index("The bridge") - 1]} <= set('"“')
    assert first in found["two in a row, quoted"]
    assert found["one of each document"].count("\n- ") == 3


def test_what_there_is_nothing_for_is_left_out() -> None:
    assert tuple(made(Asked(QUERY, (CHEESE, OUTSIDE)))) == ("one of each document",)
    assert tuple(made(Asked(QUERY, ()))) == ()
    alone = made(Asked(QUERY, ("Closed for repairs since last spring.",), gold=0, answers=("1902",)))
    assert "one sentence" in alone
    assert "two in a row" not in alone
    last = Asked(QUERY, (BRIDGE,), gold=0, answers=("12,500",))
    assert made(last)["two in a row"].endswith("12,500 crowns."), "the last sentence has one before it"


def test_the_seed_decides() -> None:
    assert made(seed=3) == made(seed=3)
    assert len({made(seed=seed)["one sentence"] for seed in range(9)}) > 1


def test_right_answers_come_from_the_question_and_from_its_poisoned_twin() -> None:
    data = tiny()
    assert right_answers(data, data.queries[0]) == ("Anna Lintorp",)
    bare = Query("q-bridge", "who?", frozenset({"bridge"}))
    assert right_answers(data, bare) == ()
    target = PoisonTarget("q-bridge", "who?", ("no",), correct=" Anna Lintorp. ", short_correct="Lintorp")
    object.__setattr__(data, "poison", (target,))
    assert right_answers(data, bare) == ("Anna Lintorp.", "Lintorp")


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_a_disguise_hides_and_its_author_reads_it(form: Form) -> None:
    text = repeated(ASKED, form)
    undone = left_of(form.undo(text), ASKED.documents, 1, 1.0, joined=form.joined)
    assert undone.left == undone.words, "all of it can be read back"
    plain = left_of(text, ASKED.documents, 1, 1.0)
    readable = form.name in ("word for word", "upper case", "numbered lines", "lead-ins")
    assert readable == (plain.left > 0)
    half = form.make(CHEESE) + " […] "
    counted = left_of(form.undo(half), ASKED.documents, 1, 1.0, joined=form.joined)
    assert 0 < counted.left < counted.words


def test_a_continuation_goes_on_from_the_edge() -> None:
    found = continuation(ASKED)
    assert found == (" ".join(BRIDGE.split()[EDGE:]), 1)
    assert continuation(Asked(QUERY, ())) is None
    assert continuation(Asked(QUERY, ("a few words",))) is None
