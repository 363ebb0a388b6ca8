from __future__ import annotations

from dataclasses import replace
from statistics import mean

from benchmarks.attacks import Served
from benchmarks.attacks.mba_cloze import MbaCloze
from benchmarks.attacks.mba_cloze_adaptive import MbaClozeAdaptive
from benchmarks.data import load
from tests.benchmarks.tiny import BRIDGE, tiny

DATA = replace(load("bundled"), membership=load("bundled").membership[:30])
PLAIN = MbaCloze().sessions(DATA, 0)


def test_the_plain_form_is_the_plain_attack() -> None:
    made = MbaClozeAdaptive().sessions(DATA, 0)
    assert [(s.asks, s.member, s.target) for s in made] == [(s.asks, s.member, s.target) for s in PLAIN]


def test_every_form_attacks_the_same_targets() -> None:
    for name, values in MbaClozeAdaptive.dimensions.items():
        for value in values[1:]:
            made = MbaClozeAdaptive({name: value}).sessions(DATA, 0)
            assert [(s.id, s.target) for s in made] == [
                (s.id.replace("mba-cloze-", "mba-cloze-adaptive-"), s.target) for s in PLAIN
            ]
            assert all(ask.facts["deleted"] for s in made for ask in s.asks)
            assert [s.asks for s in made] != [s.asks for s in PLAIN], (name, value)


def test_what_the_dimensions_do() -> None:
    def made(**form: object) -> list[list[str]]:
        return [[ask.query for ask in s.asks] for s in MbaClozeAdaptive(form).sessions(DATA, 0)]

    def length(queries: list[list[str]]) -> float:
        return mean(len(q.split()) for session in queries for q in session)

    assert length(made(words=15)) < 18 < length(made(words=45)) < length(made())
    assert max(map(len, made(questions=4))) == 4
    assert mean(map(len, made(questions=2))) > 1.8
    padded, alone = made(around="text behind"), made(frame="none", deletions=2)
    assert length(padded) > length(alone) + 50
    few = MbaClozeAdaptive({"deletions": 2, "substituted": 0.0}).sessions(DATA, 0)
    assert mean(len(s.asks[0].facts["deleted"]) for s in few) < 2.5
    assert mean(len(s.asks[0].facts["substituted"]) for s in few) < 0.5
    many = MbaClozeAdaptive({"substituted": 0.8}).sessions(DATA, 0)
    shares = [len(a.facts["substituted"]) / a.facts["content"] for s in many for a in s.asks]
    assert mean(shares) > 0.6


def test_all_questions_count_in_the_score() -> None:
    attack = MbaClozeAdaptive({"questions": 2, "deletions": 2, "substituted": 0.0})
    session = next(s for s in attack.sessions(DATA, 0) if s.member and len(s.asks) == 2)
    target = Served(str(session.target), DATA.by_id[str(session.target)].text)
    whole, half = attack.score(session, [[target], [target]]), attack.score(session, [[target], []])
    assert (whole["hits"], half["hits"], half["exposed"]) == (2.0, 1.0, 1.0)
    assert whole["score"] > half["score"] > 0  # type: ignore[operator]
    assert attack.score(session, [[], []]) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}


def test_targets_of_the_search() -> None:
    assert ("bridge", True) in MbaClozeAdaptive().targets(tiny())
    assert len(BRIDGE.split()) > 20
