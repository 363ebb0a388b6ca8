from __future__ import annotations

from benchmarks.attacks.interrogation import Interrogation
from benchmarks.data import load
from tests.benchmarks.tiny import QUESTIONS, clean, tiny


def test_questions_one_by_one_for_targets_that_have_some() -> None:
    made = Interrogation().sessions(tiny(), 0)
    assert [s.target for s in made] == ["bridge", "outside"]
    assert [s.member for s in made] == [True, False]
    assert tuple(ask.query for ask in made[0].asks) == QUESTIONS
    assert {ask.client for ask in made[0].asks} == {None}


def test_served_is_right_and_the_rest_is_a_coin() -> None:
    session = Interrogation().sessions(tiny(), 0)[0]
    coins = [bool(ask.facts["coin"]) for ask in session.asks]
    always = Interrogation().score(session, [[clean("cheese"), clean("bridge")]] * 4)
    assert always == {"score": 1.0, "hits": 4.0, "exposed": 1.0}
    never = Interrogation().score(session, [[clean("cheese")]] * 4)
    assert never == {"score": sum(coins) / 4, "hits": 0.0, "exposed": 0.0}
    once = Interrogation().score(session, [[clean("bridge")], [], [], []])
    assert once == {"score": (1 + sum(coins[1:])) / 4, "hits": 1.0, "exposed": 1.0}


def test_the_coin_is_fair_seeded_and_blind_to_membership() -> None:
    data = load("bundled")
    made = Interrogation().sessions(data, 0)
    assert made == Interrogation().sessions(data, 0)
    assert made != Interrogation().sessions(data, 1)
    for member in (True, False):
        coins = [ask.facts["coin"] for s in made if s.member is member for ask in s.asks]
        assert len(coins) == 1500
        assert 0.45 < sum(coins) / len(coins) < 0.55
