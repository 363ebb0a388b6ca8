from __future__ import annotations

import pytest

from benchmarks.attacks.interrogation_slow import InterrogationSlow
from benchmarks.attacks.interrogation_slow_adaptive import InterrogationSlowAdaptive
from tests.benchmarks.tiny import QUESTIONS, clean, tiny


def asked(**form: object) -> list[str]:
    session = InterrogationSlowAdaptive(form).sessions(tiny(), 0)[0]
    return [ask.query for ask in session.asks if "coin" in ask.facts]


def test_the_plain_form_is_the_plain_attack() -> None:
    made, plain = InterrogationSlowAdaptive().sessions(tiny(), 0), InterrogationSlow().sessions(tiny(), 0)
    assert [(s.asks, s.member, s.target) for s in made] == [(s.asks, s.member, s.target) for s in plain]


@pytest.mark.parametrize(("cover", "asks"), [(1, 8), (4, 20), (8, 36)])
def test_cover(cover: int, asks: int) -> None:
    session = InterrogationSlowAdaptive({"cover": cover}).sessions(tiny(), 0)[0]
    assert len(session.asks) == asks
    assert asked(cover=cover) == list(QUESTIONS)


def test_clients_take_turns() -> None:
    session = InterrogationSlowAdaptive({"probes a client": 2, "cover": 1}).sessions(tiny(), 0)[0]
    clients = [ask.client for ask in session.asks]
    assert clients[:4] == [None] * 4
    assert clients[4:] == ["slow-adaptive-bridge-1"] * 4


def test_pauses() -> None:
    session = InterrogationSlowAdaptive({"pause": 1_800.0}).sessions(tiny(), 0)[0]
    assert {ask.pause for ask in session.asks} == {1_800.0}


def test_wording() -> None:
    assert asked(wording="keywords")[1] == "bridge carry coastal railway"
    for wording in ("open", "other words"):
        made = asked(wording=wording)
        assert len(made) == len(QUESTIONS)
        assert made != list(QUESTIONS)
    coins = [
        [
            ask.facts["coin"]
            for ask in InterrogationSlowAdaptive(form).sessions(tiny(), 0)[0].asks
            if "coin" in ask.facts
        ]
        for form in ({}, {"wording": "open", "cover": 8})
    ]
    assert coins[0] == coins[1]  # luck is no dimension


def test_scored_like_the_plain_form() -> None:
    attack = InterrogationSlowAdaptive({"cover": 1})
    session = attack.sessions(tiny(), 0)[0]
    scores = attack.score(session, [[clean("bridge")] if "coin" in a.facts else [] for a in session.asks])
    assert scores == {"score": 1.0, "hits": 4.0, "exposed": 1.0, "recall": 0.0}
