"""What the engine keeps to while parts fail: calls of the base, charges, breakers, the bulkhead, huge and odd input."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from defenses import Resources, Selection
from sentinel import Candidate, ConfigurationError, Need, Request, Sentinel, Stage
from sentinel.sketch import document_key
from strategist import DefendedRetriever, Engine, FailureMode, Resilience
from strategist.guard import Guard
from strategist.sources import RunnableSource
from tests.strategist.faulty import (
    CLEAN,
    DEFENDING,
    DOCUMENTS,
    EVERY_MODE,
    OWN,
    Books,
    Clock,
    Histories,
    World,
    sentinel,
    serve,
    taken,
)
from tests.strategist.world import QUERY, Ranked, corpus, fields, plan, policy

PATIENCE = 60.0
SEEDS = itertools.count(100)


# Whether the base is asked twice tells nothing


@EVERY_MODE
@pytest.mark.parametrize(
    ("overfetch", "stable", "asked"),
    [(2, True, ["fetch"]), (2, False, ["fetch", "own"]), (1, True, ["fetch"]), (1, False, ["fetch"])],
)
@pytest.mark.parametrize("outcome", ["benign", "dropped", "cut", "rewritten", "defense left out"])
def test_the_number_of_base_calls(plug, mode, overfetch, stable, asked, outcome):
    if outcome == "defense left out" and mode is FailureMode.OPEN and "own" not in asked:
        asked = [*asked, "own"]  # of a base that was not asked for its own answer, it is asked then
    acts = {
        "benign": Selection.all_of,
        "dropped": lambda evidence: Selection.without(evidence, {0: "x"}),
        "cut": lambda evidence: Selection(tuple(range(len(evidence.candidates))), {}, {0: "cut"}),
        "rewritten": Selection.all_of,
        "defense left out": lambda evidence: None,
    }
    plug("acting", acts[outcome])
    plug("rewriter", lambda evidence: "other words" if outcome == "rewritten" else QUERY, stage=Stage.QUERY)
    _, _, _, source = serve(
        lambda: World(stable=stable), fixed=policy(plan("acting", "rewriter", overfetch=overfetch)), mode=mode
    )
    assert sorted(name for name in source.asked if name in {"fetch", "own"}) == asked


def test_a_base_that_serves_more_than_its_number_is_served_as_it_is():
    class Generous(World):
        prefix_stable = False

        def fetch(self, query, vector, k, config):
            return super().fetch(query, vector, k + 2, config)

    documents = corpus()
    served, decision, _, source = serve(lambda: Generous(documents, False), fixed=policy())
    assert taken(served, documents) == [0, 1, 2, 3, 4, 5]
    assert decision.missing == 0
    assert "own" not in source.asked


# What is charged is what is served


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "none", "hangs"])
def test_nothing_is_charged_for_a_request_that_failed(plug, faults, mode, fault):
    books = []

    def resources():
        books.append(Books())
        return Resources(ledger=books[-1])

    plug("faulty", faults[fault])
    fixed = policy(plan("exposure_budget", "faulty", overfetch=2))
    served, *_ = serve(
        fixed=fixed, mode=mode, short="defend" if fault == "hangs" else None, resources=resources, history=Histories
    )
    assert [book.spent for book in books] == [len(served) if mode is FailureMode.DEGRADE else 0] * 2


def test_a_base_that_fails_charges_nothing(faults):
    books = Books()
    engine = Engine(sentinel(), policy(plan("exposure_budget", overfetch=2)), Resources(ledger=books))
    with pytest.raises(RuntimeError):
        engine.run(Request(QUERY, 4), World(stable=False, own=faults["raises"]))
    assert books.spent == 0


def test_the_history_is_written_before_anything_is_charged(faults):
    """Once a request, and a history that hangs delays no answer that was paid for already."""
    order, histories = [], Histories(record=lambda *_: order.append("history"))

    class Watched(Books):
        def spend(self, charges, now):
            order.append("ledger")
            return super().spend(charges, now)

    fixed = policy(plan("exposure_budget", "echo_filter"))
    engine = Engine(sentinel(), fixed, Resources(ledger=Watched()), history=histories)
    engine.run(Request(QUERY, 4), World())
    assert order == ["history", "ledger", "ledger", "ledger"]
    assert histories.recorded == 1


@EVERY_MODE
@pytest.mark.parametrize("defenses", [(), ("echo_filter",), ("echo_filter", "exposure_budget"), ("faulty",)])
def test_what_a_defense_hides_still_counts_as_asked_for(plug, faults, mode, defenses):
    """The history knows what the base would have served, whatever became of it, and knows it once."""
    plug("faulty", faults["raises"])
    seen = []
    histories = Histories(record=lambda key, observation, now: seen.append([hit.key for hit in observation.hits]))
    engine = Engine(sentinel(), policy(plan(*defenses)), Resources(), mode, history=histories)
    engine.run(Request(QUERY, 3), World())
    assert seen == [[document_key(document.page_content) for document in DOCUMENTS[:3]]]


# Breakers, bulkhead


@EVERY_MODE
def test_a_defense_that_keeps_failing_is_left_alone(plug, mode):
    calls, clock, working = [], Clock(), []

    def act(evidence):
        calls.append(1)
        return Selection.all_of(evidence) if working else None

    plug("faulty", act)
    guard = Guard(Resilience(failures=3, cooldown_s=10), clock)
    engine = Engine(sentinel(), policy(plan("faulty", "echo_filter", overfetch=2)), Resources(), mode, guard=guard)

    def once():
        served, decision = engine.run(Request(QUERY, 4), World())
        return taken(served), decision.errors.get("faulty", "").partition(";")[0]

    fallen = {FailureMode.CLOSED: [], FailureMode.OPEN: OWN, FailureMode.DEGRADE: CLEAN}[mode]
    assert [once() for _ in range(5)] == [(fallen, "AttributeError")] * 3 + [(fallen, "CircuitOpen")] * 2
    assert len(calls) == 3
    working.append(True)
    clock.now = 10.0
    assert once() == (CLEAN, "")
    assert once() == (CLEAN, "")
    assert engine.health()["breakers"]["faulty"] == {"state": "closed", "failures": 0, "openings": 1}
    assert engine.health()["not_called"] == {"faulty": 2}


@EVERY_MODE
@pytest.mark.parametrize(
    "part", ["embeddings (query)", "sentinel query", "policy fixed (before)", "history (load)", "history (record)"]
)
def test_every_part_has_a_breaker(faults, mode, part):
    """One that fails again and again, while the other thing that the component does goes well."""
    bad = faults["raises"]
    component, _, what = part.rstrip(")").partition(" (")
    source = World(embed=bad) if component == "embeddings" else World()
    engine = Engine(
        sentinel(sense_query=bad) if component == "sentinel query" else sentinel(),
        policy(bad if component == "policy fixed" else None),
        Resources(),
        mode,
        history=Histories(**{what: bad}) if component == "history" else None,
        guard=Guard(Resilience(failures=2)),
    )
    errors = [engine.run(Request(QUERY, 4), source)[1].errors[component].partition(";")[0] for _ in range(4)]
    assert errors == ["RuntimeError"] * 2 + ["CircuitOpen"] * 2
    assert engine.health()["breakers"] == {part: {"state": "open", "failures": 2, "openings": 1}}


@EVERY_MODE
def test_a_full_bulkhead_is_the_failure_of_that_part(plug, mode):
    inside, release = threading.Event(), threading.Event()

    def talk(evidence):
        inside.set()
        release.wait(PATIENCE)
        return Selection.all_of(evidence)

    plug("reader", talk, needs={Need.MODEL})
    guard = Guard(Resilience(model_calls=1))
    engine = Engine(sentinel(), policy(plan("reader", "echo_filter", overfetch=2)), Resources(), mode, guard=guard)
    answers = []
    first = threading.Thread(target=lambda: answers.append(engine.run(Request(QUERY, 4), World())))
    first.start()
    try:
        assert inside.wait(PATIENCE)
        served, decision = engine.run(Request(QUERY, 4), World())
    finally:
        release.set()
        first.join(PATIENCE)
    assert decision.errors == {"reader": f"BulkheadFull; {mode.value}"}
    assert taken(served) == {FailureMode.CLOSED: [], FailureMode.OPEN: OWN, FailureMode.DEGRADE: CLEAN}[mode]
    assert answers[0][1].errors == {}


# NaN from the base


numbers = st.sampled_from([0.5, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), None, "x"])
vectors = st.one_of(
    st.none(),
    st.lists(st.sampled_from([0.0, 1.0, 0.5, float("nan"), float("inf"), 1e30]), max_size=5).map(
        lambda values: np.array(values, np.float32)
    ),
    st.sampled_from([np.full((2, 2), np.nan), np.array(["a"]), [0.1, 0.2], np.float32(1.0)]),
)


@given(st.lists(st.tuples(numbers, vectors), min_size=1, max_size=8))
def test_no_number_from_a_base_crashes_or_reads_as_clean(given_numbers):
    """What is none is missing for every signal and defense, and the decision says so."""
    seen = []

    class Odd(World):
        def fetch(self, query, vector, k, config):
            return tuple(
                Candidate(i, d, *odd) for i, (d, odd) in enumerate(zip(self.documents, given_numbers, strict=False))
            )

    class Watching(Sentinel):
        def sense_context(self, evidence, before):
            seen.extend(evidence.candidates)
            return super().sense_context(evidence, before)

    engine = Engine(Watching(), policy(None, plan("hide_top_match", "cluster_filter", "dp_retrieval")), Resources())
    _, decision = engine.run(Request(QUERY, 4, time=0.0), Odd())
    json.dumps(decision.record(), allow_nan=False)
    assert len(seen) == len(given_numbers)
    spoilt = 0
    for candidate, (number, vector) in zip(seen, given_numbers, strict=True):
        good = isinstance(number, float) and np.isfinite(number)
        assert candidate.similarity == (number if good else None)
        spoilt += number is not None and not good
        kept = candidate.vector is not None
        assert not kept or (np.isfinite(candidate.vector).all() and candidate.vector.any())
        spoilt += vector is not None and not kept
    assert ("base" in decision.errors) is bool(spoilt)
    assert {name for name in decision.errors if name != "base"} == set()


# Huge inputs


@EVERY_MODE
def test_a_huge_query_ends_in_the_mode_when_its_time_is_over(mode):
    """A megabyte takes the signals far longer than a millisecond, which is what they are given here."""
    for way in ("sync", "async"):
        engine = Engine(Sentinel(), DEFENDING, Resources(), mode, guard=Guard(Resilience(sense=1.0)))
        request = Request("what is this? " * 70_000, 4, time=0.0)
        served, decision = engine.run(request, World()) if way == "sync" else asyncio.run(engine.arun(request, World()))
        assert decision.errors["sentinel query"] == f"TimeBudgetExceeded; {mode.value}"
        expected = {FailureMode.CLOSED: [], FailureMode.OPEN: OWN, FailureMode.DEGRADE: OWN}[mode]
        assert taken(served) == expected  # nothing echoes this question


@EVERY_MODE
def test_many_candidates_end_in_the_mode_when_the_time_is_over(mode):
    def make():
        return World(corpus(600, next(SEEDS)))  # texts that nobody has seen, hence none that is remembered

    fixed = policy(plan("echo_filter"))
    engine = Engine(sentinel(), fixed, Resources(), mode, guard=Guard(Resilience(defend=5.0)))
    for run in (engine.run, lambda *asked: asyncio.run(engine.arun(*asked))):
        served, decision = run(Request(QUERY, 600), make())
        assert decision.errors == {"echo_filter": f"TimeBudgetExceeded; {mode.value}"}
        assert len(served) == (0 if mode is FailureMode.CLOSED else 600)
        assert decision.missing == (600 if mode is FailureMode.CLOSED else 0)


# Shadow and sampling


@EVERY_MODE
def test_a_failure_in_shadow_changes_nothing(faults, mode):
    served, decision, health, _ = serve(
        senses=sentinel(sense_context=faults["hangs"]), mode=mode, short="sense", shadow=True
    )
    assert [id(d) for d in served] == [id(d) for d in DOCUMENTS[:4]]
    assert decision.mode == "shadow"
    assert decision.errors == {"sentinel context": f"TimeBudgetExceeded; {mode.value}"}
    assert (health["closed"], health["open"]) == (0, 0)


def test_a_sampled_share_is_defended_and_the_rest_watched():
    books = Books()
    fixed = policy(plan("exposure_budget", "echo_filter", overfetch=2))
    engine = Engine(sentinel(), fixed, Resources(ledger=books), sample=0.5)
    modes = {}
    for client in map(str, range(40)):
        served, decision = engine.run(Request(QUERY, 4, client), World())
        modes[client] = decision.mode
        assert taken(served) == (CLEAN if decision.mode == "enforced" else OWN)
        assert decision.dropped == (0,)
    assert 8 < sum(mode == "enforced" for mode in modes.values()) < 32
    assert books.spent == 4 * sum(mode == "enforced" for mode in modes.values())
    assert modes == {c: engine.run(Request("other", 4, c), World())[1].mode for c in modes}
    assert engine.health()["requests"]["enforced"] == 2 * sum(mode == "enforced" for mode in modes.values())


# Through the retriever


def test_limits_health_and_sampling_through_the_retriever(faults):
    """What hangs in one of the user's parts ends in the user's mode, and the retriever tells of it."""
    decisions = []
    options = {
        "policy": policy(faults["hangs"]),
        "on_error": "closed",
        "resilience": {"plan": 50.0, "failures": 2, "left_behind": 5},
        "sinks": [decisions.append],
    }
    wrapped = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), **options)
    assert [wrapped.invoke(QUERY), asyncio.run(wrapped.ainvoke(QUERY)), wrapped.invoke(QUERY)] == [[], [], []]
    assert [d.errors["policy fixed"] for d in decisions] == ["TimeBudgetExceeded; closed"] * 2 + ["CircuitOpen; closed"]
    health = wrapped.health()
    json.dumps(health, allow_nan=False)
    assert (health["requests"]["enforced"], health["closed"]) == (3, 3)
    assert health["timeouts"] == {"policy fixed (before)": 2}
    assert health["breakers"]["policy fixed (before)"]["state"] == "open"
    assert health["workers"]["stuck"] == {"plan": 2}
    watched = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), **{**options, "sample": 0.0})
    assert fields(watched.invoke(QUERY)) == fields(DOCUMENTS[:4])
    assert decisions[-1].mode == "shadow"
    assert decisions[-1].config_hash != decisions[0].config_hash


@pytest.mark.parametrize(
    "wrong", [{"sample": 1.5}, {"sample": float("nan")}, {"resilience": {"sense": -1}}, {"allow": 3}]
)
def test_impossible_options(wrong):
    with pytest.raises(ConfigurationError):
        DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), **wrong)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_an_impossible_share(share):
    with pytest.raises(ConfigurationError, match="sample"):
        Engine(sentinel(), policy(), Resources(), sample=share)


@pytest.mark.parametrize("answer", [[float("nan")] * 16, [0.0] * 16], ids=["nan", "zero"])
def test_a_model_without_a_direction_has_failed(answer):
    """It is not taken for a base that embeds out of sight."""

    class Broken(Embeddings):
        def embed_query(self, text):
            return answer

        def embed_documents(self, texts):
            return [answer for _ in texts]

    source = RunnableSource(Ranked(docs=DOCUMENTS), Broken(), False)
    engine = Engine(sentinel(), DEFENDING, Resources(), FailureMode.CLOSED)
    for _, decision in (engine.run(Request(QUERY), source), asyncio.run(engine.arun(Request(QUERY), source))):
        assert decision.errors == {"embeddings": "ComponentError; closed"}
