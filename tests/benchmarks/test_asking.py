"""Asking: who comes when, what repetition changes, and what a session leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import asking
from benchmarks.asking import Job, run_sessions, schedule
from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session
from benchmarks.data import Dataset
from sentinel.vocabulary import Request
from strategist.decision import Decision, Outcome

POLICY: Any = SimpleNamespace(manifest=SimpleNamespace(name="some"))
WORLD: Any = SimpleNamespace(store=None, planted={"p": "target"})


class Plain(Attack):
    manifest = AttackManifest(name="plain", summary="for tests", family=Family.BENIGN)

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        return []

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        return {"asked": float(len(served))}


class Thrice(Plain):
    manifest = Plain.manifest.model_copy(update={"repeats": 3})


class AtOnce(Plain):
    manifest = Plain.manifest.model_copy(update={"at_once": 2})


SESSIONS = [Session(f"s{i}", (Ask(f"{i} first"), Ask(f"{i} second"))) for i in range(4)]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, str, float]]:
    """(number of the service, query, client, time) of every request."""
    found: list[tuple[int, str, str, float]] = []
    made: list[Any] = []

    class Retriever:
        def __init__(self, sinks: Any, clock: Any) -> None:
            self.sinks, self.clock, self.number = sinks, clock, len(made)
            made.append(self)

        @classmethod
        def wrap(cls, *_: Any, sinks: Any, clock: Any, **__: Any) -> Any:
            return cls(sinks, clock)

        def invoke(self, query: str, config: Any) -> list[Any]:
            if query == "1 second":
                raise RuntimeError("store is gone")
            found.append((self.number, query, config["configurable"]["client_id"], self.clock()))
            answering = {"prompt": 1.0, "generate": 500.0, "check": 2.0}  # is no overhead of retrieval
            spent = {"total": (10.0, 90.0, 30.0)[self.number] + 506, "embed": 1.0, "fetch": 2.0, **answering}
            decision = Decision(Request(query, 5), "some", "", milliseconds=spent, fetched=15)
            decision.outcomes.append(Outcome("filter", 15, 14))
            self.sinks[0](decision)
            return [SimpleNamespace(id="p", page_content="text")]

    monkeypatch.setattr(asking, "DefendedRetriever", Retriever)
    return found


def run(attack: Attack, sessions: Sequence[Session] | None = None, **more: Any) -> list[Any]:
    job = Job("plain", attack, SESSIONS, (), **more)
    return list(run_sessions(job, POLICY, SESSIONS if sessions is None else sessions, WORLD, 0, 5))


def test_one_session_after_the_other(heard: list[Any]) -> None:
    samples = run(Plain())
    assert [s.session for s in samples] == ["s0", "s1", "s2", "s3"]
    assert [h[1] for h in heard] == ["0 first", "0 second", "1 first", "2 first", "2 second", "3 first", "3 second"]
    assert [h[2] for h in heard][:3] == ["s0", "s0", "s1"]
    assert samples[1].error == "RuntimeError: store is gone"
    assert (samples[1].values, len(samples[1].served)) == ({}, 1)
    assert (samples[0].defenses_run, samples[0].fetched) == ((1, 1), (15, 15))
    assert samples[0].values == {"asked": 2.0}


def test_what_is_finished_already_changes_no_arrival(heard: list[Any]) -> None:
    run(Plain())
    whole = {(h[1], h[3]) for h in heard}
    heard.clear()
    assert [s.session for s in run(Plain(), SESSIONS[2:3])] == ["s2"]
    assert {(h[1], h[3]) for h in heard} == {pair for pair in whole if pair[0].startswith("2")}


def test_times_are_medians_over_services_of_their_own(heard: list[Any]) -> None:
    (sample,) = run(Thrice(), SESSIONS[:1])
    assert sorted(h[0] for h in heard) == [0, 0, 1, 1, 2, 2]
    assert len({h[1:] for h in heard}) == 2  # the same request at the same time, three times
    assert sample.overhead_ms == (30.0, 30.0)
    assert sample.retrieve_ms == (3.0, 3.0)
    assert len(sample.served) == 2


def test_at_the_same_time_all_are_asked_and_some_wanted(heard: list[Any]) -> None:
    samples = run(AtOnce(), SESSIONS[:1], traffic=SESSIONS)
    assert [s.session for s in samples] == ["s0"]
    assert {h[1][0] for h in heard} == set("0123")
    times = [h[3] for h in heard]
    assert times == sorted(times)


def test_two_users_take_up_sessions_in_turn() -> None:
    arrivals = schedule(SESSIONS, 0, 2)
    ends = {s.id: max(at for at, x, _ in arrivals if x is s) for s in SESSIONS}
    starts = {s.id: min(at for at, x, _ in arrivals if x is s) for s in SESSIONS}
    assert ends["s0"] < starts["s2"]
    assert ends["s1"] < starts["s3"]
    assert starts["s1"] < ends["s0"] or starts["s0"] < ends["s1"]


def test_a_longer_pause_is_the_same_draw() -> None:
    slow = [replace(s, asks=tuple(replace(a, pause=600.0) for a in s.asks)) for s in SESSIONS]
    assert [at for at, _, _ in schedule(slow, 0)] == pytest.approx([10 * at for at, _, _ in schedule(SESSIONS, 0)])
