"""Ordinary users."""

from __future__ import annotations

from collections import Counter

from benchmarks.attacks.benign import Benign
from benchmarks.data import load
from tests.benchmarks.tiny import clean, tiny

DATA = load("bundled")


def test_every_question_once_in_sessions_of_one_to_eight() -> None:
    sessions = Benign().sessions(DATA, 0)
    asked = Counter(ask.query for session in sessions for ask in session.asks)
    assert asked == Counter(query.text for query in DATA.queries)
    assert {len(s.asks) for s in sessions} <= set(range(1, 9))
    assert max(len(s.asks) for s in sessions) > 4
    assert len({s.id for s in sessions}) == len(sessions)
    assert Benign().planted(DATA, 0) == []


def test_a_client_has_one_subject_and_knows_the_gold() -> None:
    group = {query.text: query for query in DATA.queries}
    for session in Benign().sessions(DATA, 0):
        for ask in session.asks:
            assert (group[ask.query].group, group[ask.query].gold) == (session.group, ask.gold)
            assert ask.answer == group[ask.query].short_answer
        assert session.member is session.target is session.client is None


def test_seed() -> None:
    assert Benign().sessions(DATA, 0) == Benign().sessions(DATA, 0)
    assert Benign().sessions(DATA, 0) != Benign().sessions(DATA, 1)


def test_score() -> None:
    session = next(s for s in Benign().sessions(tiny(), 0) if s.asks[0].gold)
    got = [[clean(next(iter(ask.gold)), "Anna Lintorp waited seven months")] for ask in session.asks]
    assert Benign().score(session, got) == {"recall": 1.0, "answered": 1.0}
    assert Benign().score(session, [[clean("x")] for _ in session.asks]) == {"recall": 0.0, "answered": 0.0}
