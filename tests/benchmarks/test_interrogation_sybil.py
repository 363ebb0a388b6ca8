from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import asking
from benchmarks.attacks.interrogation import Interrogation
from benchmarks.attacks.interrogation_sybil import InterrogationSybil
from sentinel.vocabulary import Request
from strategist.decision import Decision
from tests.benchmarks.tiny import clean, tiny


def test_each_question_has_a_client_of_its_own_and_nothing_else_changes() -> None:
    made, plain = InterrogationSybil().sessions(tiny(), 0), Interrogation().sessions(tiny(), 0)
    clients = [ask.client for session in made for ask in session.asks]
    assert None not in clients
    assert len(set(clients)) == len(clients)
    for one, other in zip(made, plain, strict=True):
        assert [(a.query, a.facts) for a in one.asks] == [(a.query, a.facts) for a in other.asks]
        served = [[clean("bridge")], *([[]] * (len(one.asks) - 1))]
        assert InterrogationSybil().score(one, served) == Interrogation().score(other, served)


def test_the_runner_hands_each_client_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Retriever:
        @classmethod
        def wrap(cls, *_: Any, sinks: Any, **__: Any) -> Any:
            made = cls()
            made.sinks = sinks
            return made

        def invoke(self, query: str, config: Any) -> list[Any]:
            seen.append(config["configurable"]["client_id"])
            self.sinks[0](Decision(Request(query, 5), "none", "", milliseconds={"total": 1.0}))
            return []

    monkeypatch.setattr(asking, "DefendedRetriever", Retriever)
    policy: Any = SimpleNamespace(manifest=SimpleNamespace(name="none"))
    world: Any = SimpleNamespace(store=None, planted={})
    for attack in (InterrogationSybil(), Interrogation()):
        sessions = attack.sessions(tiny(), 0)
        job = asking.Job(attack.manifest.name, attack, sessions, ())
        assert all(s.error is None for s in asking.run_sessions(job, policy, sessions, world, 0, 5))
    assert len(set(seen[:6])) == 6
    assert seen[6:] == ["interrogation-bridge"] * 4 + ["interrogation-outside"] * 2
