"""What is staged is what the engine would have served with everything computed live, and the source is asked once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from langchain_core.documents import Document

from benchmarks.alone import OnlyPolicy
from benchmarks.asking import schedule
from benchmarks.attacks import Ask, Served, Session
from benchmarks.data import Dataset, load
from benchmarks.readings import OVERFETCH, K, Traffic
from benchmarks.staged import PATIENT, Replayed, Staged, stage
from benchmarks.world import KnownEmbeddings, World, build_world
from defenses import Resources, SeededRandomSource
from defenses.context.echo_filter import EchoFilter
from sentinel.evidence import Evidence
from sentinel.history import MemoryHistory
from sentinel.sensing import Sentinel
from sentinel.threat_models import shipped_models
from sentinel.vocabulary import Candidate, Request, Threat
from strategist.calibration import Calibration, Option
from strategist.engine import Engine
from strategist.guard import Guard
from strategist.policies import Policy, build_policy
from strategist.policies.adaptive import AdaptivePolicy
from strategist.resilience import Resilience
from strategist.sources import Source, source_for
from tests.benchmarks.datasets import BagOfWords, files, gold, prose, write

SEED = 3
HASTY = Calibration(
    options=(
        Option(name="hide_probed", residual={Threat.MEMBERSHIP: {"mba": 0.0}}),
        Option(name="hide_for_client", residual={Threat.MEMBERSHIP: {"interrogation": 0.0}}),
        Option(name="suspicion_filter", parameters={"threshold": 0.2}, residual={Threat.POISONING: {"hotflip": 0.0}}),
        Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}}),
    ),
    price=0.01,
)
POLICIES: dict[str, Policy] = {
    "none": build_policy("none"),
    "rules": build_policy("rules"),
    "adaptive": AdaptivePolicy(calibration=HASTY),
    "always_on_own": build_policy("always_on_own"),
    "other number": build_policy("always_on_own", {"overfetch": 2}),
    "more than staged": build_policy("always_on_own", {"overfetch": 6}),
    "ado": build_policy("ado"),
    "random noise": OnlyPolicy(defenses=("ado_noise",)),
    "rewritten": OnlyPolicy(defenses=("gist_rewrite", "suspicion_filter threshold=0.01")),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data", files(24, 10, 3, 3), gold(10, 24)))


def world_of(data: Dataset, traffic: Traffic) -> World:
    return build_world(data, traffic.planted, KnownEmbeddings(BagOfWords(), [], []), SEED)


def drilled(traffic: Traffic) -> Traffic:
    """With seven yes/no questions of one client about one document, in which only a history sees a series."""
    told = prose(1).replace(".", "").lower().split()
    about = [f"Is it true that {' '.join(told[6 * i : 6 * i + 6])}?" for i in range(7)]
    return replace(traffic, sessions=[*traffic.sessions, Session("drill", tuple(map(Ask, about)))])


def live(traffic: Traffic, world: World, policy: Policy) -> dict[str, list[list[str]]]:
    """Ids served by session, everything retrieved, sensed and remembered as each request comes."""
    source = source_for(world.store)
    engine = Engine(
        Sentinel(models=shipped_models(), corpus=source.profile()),
        policy,
        Resources(random=SeededRandomSource(SEED)),
        history=MemoryHistory(),
        guard=Guard(PATIENT),
    )
    served: dict[str, list[list[str]]] = {}
    for at, session, number in schedule(traffic.sessions, SEED, traffic.attack.manifest.at_once):
        request = Request(session.asks[number].query, K, session.client or session.id, time=at)
        documents, decision = engine.run(request, source)
        assert not decision.errors
        served.setdefault(session.id, []).append([str(d.id) for d in documents])
    return served


@pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("attack", ["benign", "poisonedrag", "mba"])
def test_what_is_staged_is_what_is_served_live(name: str, attack: str, data: Dataset) -> None:
    traffic = drilled(Traffic.of(data, attack, SEED))
    world = world_of(data, traffic)
    staged = Staged.of(traffic, world, SEED, shipped_models())
    # The attack knows nothing of the sessions that were added.
    score = type(traffic.attack).score
    known = {s.id for s in traffic.sessions if s.id != "drill"}

    def scored(self: object, session: Session, served: list[list[Served]]) -> dict[str, float | None]:
        return score(traffic.attack, session, served) if session.id in known else {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(traffic.attack), "score", scored)
        samples = staged.samples(POLICIES[name])
    assert not any(sample.error for sample in samples)
    found = {sample.session: [list(ids) for ids in sample.served] for sample in samples}
    if name == "rewritten":  # its past is that of the queries themselves; what it serves by without one is the same
        del found["drill"]
    expected = live(traffic, world, POLICIES[name])
    assert found == {session: ids for session, ids in expected.items() if session in found}


def test_a_history_is_kept_for_each_client(data: Dataset) -> None:
    """Else the test above would not tell whether there is one."""
    traffic = drilled(Traffic.of(data, "benign", SEED))
    staged = Staged.of(traffic, world_of(data, traffic), SEED, shipped_models())
    sentinel = staged.sentinel
    runs = [sentinel.late[request].peak("yes_no_run") for request in staged.requests[-1]]
    assert max(runs) > 2 * runs[0] > 0.0
    # Measured anew over fewer candidates, it is the past of that moment that counts.
    last = staged.requests[-1][-1]
    seen = Evidence(last, staged.source.embed(last.query), sentinel.candidates[last][:-1], sentinel.corpus)
    assert sentinel.sense_context(seen, sentinel.sense_query(seen)).peak("yes_no_run") > 2 * runs[0]


@dataclass
class Counting(Source):
    """Counts what it is asked."""

    base: Source
    asked: Counter[str] = field(default_factory=Counter)

    def embed(self, query: str):  # type: ignore[no-untyped-def]
        self.asked["embed " + query] += 1
        return self.base.embed(query)

    def fetch(self, query, vector, k, config) -> tuple[Candidate, ...]:  # type: ignore[no-untyped-def]
        self.asked["fetch " + query] += 1
        return self.base.fetch(query, vector, k, config)

    def own(self, query, k, config) -> list[Document]:  # type: ignore[no-untyped-def]
        raise AssertionError("answers come from memory")


def test_the_source_is_asked_once_whoever_is_served(data: Dataset) -> None:
    traffic = Traffic.of(data, "poisonedrag", SEED)
    world = world_of(data, traffic)
    staged = Staged.of(traffic, world, SEED, shipped_models())
    counting = Counting(staged.source.base)
    staged = replace(staged, source=Replayed(counting))
    for name in ("none", "rules", "always_on_own", "other number"):
        staged.samples(POLICIES[name])
    assert counting.asked
    assert set(counting.asked.values()) == {1}


def test_more_than_is_remembered_is_fetched_again(data: Dataset) -> None:
    base = source_for(world_of(data, Traffic.of(data, "benign", SEED)).store)
    counting = Counting(base)
    source = Replayed(counting)
    vector = source.embed("which?")

    def ids(found: tuple[Candidate, ...]) -> list[str | None]:
        return [c.document.id for c in found]

    whole = ids(base.fetch("which?", vector, 20, {}))
    assert ids(source.fetch("which?", vector, K, {})) == whole[:K]
    assert ids(source.fetch("which?", vector, K * OVERFETCH, {})) == whole[: K * OVERFETCH]
    assert counting.asked["fetch which?"] == 1
    assert ids(source.fetch("which?", vector, 20, {})) == whole
    assert counting.asked["fetch which?"] == 2
    assert [d.id for d in source.own("which?", K, {})] == whole[:K]


def test_nothing_is_sensed_for_who_does_not_look(data: Dataset) -> None:
    staged = Staged.of(traffic := Traffic.of(data, "benign", SEED), world_of(data, traffic), SEED, shipped_models())
    bare = staged.samples(OnlyPolicy(), senses=False)
    assert "sentinel" not in staged.__dict__
    for asked, sample in zip(staged.requests, bare, strict=True):
        assert [list(ids) for ids in sample.served] == [staged.undefended(request) for request in asked]


def test_some_sessions_are_served_as_they_are_among_all(data: Dataset) -> None:
    staged = Staged.of(traffic := Traffic.of(data, "mba", SEED), world_of(data, traffic), SEED, shipped_models())
    policy = POLICIES["always_on_own"]
    everything = staged.samples(policy)
    few = staged.samples(policy, [4, 1])
    assert [sample.session for sample in few] == [everything[i].session for i in (4, 1)]
    assert [sample.served for sample in few] == [everything[i].served for i in (4, 1)]


def test_a_defense_that_fails_fails_every_time(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """No breaker opens: whether a session is an error must not depend on how fast the machine is."""

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(EchoFilter, "select", fail)
    staged = Staged.of(traffic := Traffic.of(data, "mba", SEED), world_of(data, traffic), SEED, shipped_models())
    samples = staged.samples(OnlyPolicy(defenses=("echo_filter",)))
    assert {sample.error for sample in samples} == {"echo_filter: RuntimeError; degrade"}
    assert len(samples) > (Resilience().failures or 0)  # as many in a row open a breaker elsewhere
    assert not any(sample.values for sample in samples)


def test_what_is_planted_is_staged_on_the_clean_corpus_too(data: Dataset) -> None:
    traffic = [Traffic.of(data, name, SEED) for name in ("benign", "poisonedrag", "mba")]
    found = list(stage(data, traffic, BagOfWords(), shipped_models(), SEED))
    assert [staged.name for staged, _ in found] == ["benign", "poisonedrag", "mba"]
    assert [clean is None for _, clean in found] == [True, False, True]
    dirty, clean = found[1]
    assert clean is not None
    assert dirty.world.planted
    assert not clean.world.planted
    assert dirty.requests == clean.requests
    held = {s for sample in clean.samples(OnlyPolicy(), senses=False) for got in sample.served for s in got}
    assert held <= set(data.by_id)


def test_users_at_the_same_time_come_in_the_order_of_arrival(data: Dataset) -> None:
    traffic = Traffic.of(data, "benign-shared", SEED)
    staged = Staged.of(traffic, world_of(data, traffic), SEED, shipped_models())
    order = staged._arrivals(range(len(staged.requests)))
    assert order != sorted(order)  # sessions interleave
    places = {session.id: i for i, session in enumerate(traffic.sessions)}
    users = traffic.attack.manifest.at_once
    assert order == [(places[s.id], number) for _, s, number in schedule(traffic.sessions, SEED, users)]
    assert all(staged.requests[i][turn].query == traffic.sessions[i].asks[turn].query for i, turn in order)
