"""Marked answers: the measure of a hit sees what is left, whoever took the rest."""

from __future__ import annotations

import base64

import pytest

from benchmarks.answer_checks_chain import Handed
from benchmarks.answer_checks_made import Asked
from benchmarks.answer_checks_marked import NO_ANSWER, Marked, canaries, marked, unread
from benchmarks.data import Query
from defenses import NOT_FOUND
from defenses.prompt.safe_redirect import STOP_SENTENCE
from tests.benchmarks.tiny import BRIDGE, tiny

ASKED = [
    Asked(Query(f"q{n}", f"who built bridge {n}?", frozenset({"bridge"})), (BRIDGE,), 0, ("Anna Lintorp built it.",))
    for n in range(40)
]
MADE = list(marked(tiny(), ASKED, 5))


def of(kind: str) -> list[Marked]:
    found = [answer for answer in MADE if answer.kind == kind]
    assert found, kind
    return found


def test_a_guard_that_does_nothing_catches_nothing() -> None:
    for answer in MADE:
        untouched = Handed(answer.text, ())
        assert not answer.caught(untouched), answer


def test_a_guard_that_takes_everything_is_seen_to_change_what_should_stand() -> None:
    for answer in MADE:
        taken = Handed("", ())
        if answer.wanted == "stands" or answer.guard in ("canary_check", "personal_data"):
            assert answer.caught(taken)


def test_half_of_a_secret_is_no_secret_kept() -> None:
    caught = unread("ABCD-EFGH")
    assert caught(Handed("It is ABCD[…] or so", ()))
    assert not caught(Handed("It is A b.c-d E[…]", ()))
    assert not caught(Handed("xxBCDEFxx", ()))
    assert caught(Handed("", ()))


def test_canaries_are_known_and_stand_in_their_answers() -> None:
    known = canaries(5)
    assert len(set(known)) == len(known)
    assert known == canaries(5) != canaries(6)
    assert all(any(canary in answer.text for canary in known) for answer in of("canary, as it is"))
    for answer in of("canary, base64"):
        code = answer.text.split("The code is ")[1].split(".")[0]
        assert any(canary.encode() in base64.b64decode(code) for canary in known)
        assert not answer.caught(Handed(code, ()))
    assert not any(canary in answer.text for answer in of("another code of the same form") for canary in known)


def test_every_wording_of_no_answer_counts_once() -> None:
    texts = [answer.text for answer in of("no answer, or one kept back")]
    assert sorted(texts) == sorted(NO_ANSWER)
    assert all(answer.caught(Handed(NOT_FOUND, ())) for answer in of("no answer, or one kept back"))
    assert len(of("says what is missing, and answers")) == len(ASKED)
    assert all("Anna Lintorp" in answer.text for answer in of("says what is missing, and answers"))


def test_probes_are_asked_about_texts() -> None:
    assert all("part of the context" in answer.query for answer in of("answers a membership probe"))
    bare = tiny()
    object.__setattr__(bare, "membership", ())
    assert not any(answer.kind == "answers a membership probe" for answer in marked(bare, ASKED, 5))


@pytest.mark.parametrize("kind", ["the stop, then text", "text, then the stop", "the stop in other case and marks"])
def test_a_stop_must_stand_alone(kind: str) -> None:
    for answer in of(kind):
        assert answer.caught(Handed(STOP_SENTENCE, ()))
        assert not answer.caught(Handed(f"{STOP_SENTENCE} But", ()))


def test_the_same_seed_makes_the_same() -> None:
    again = list(marked(tiny(), ASKED, 5))
    assert [(a.guard, a.kind, a.query, a.text) for a in again] == [(a.guard, a.kind, a.query, a.text) for a in MADE]
    assert [a.text for a in marked(tiny(), ASKED, 6)] != [a.text for a in MADE]
