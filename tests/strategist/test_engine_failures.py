"""Every part fails in every way and every mode: what is served, what is recorded, and that both drivers agree."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from defenses import Resources, Selection
from sentinel import (
    Candidate,
    ComponentError,
    Request,
    RiskProfile,
    Sentinel,
    Signal,
    SignalManifest,
    Stage,
    Threat,
    ThreatModels,
)
from strategist import DefensePlan, Engine, FailureMode, Resilience, TimeBudgetExceeded
from strategist.guard import Guard
from strategist.resilience import WorkersStuck
from tests.strategist.faulty import (
    CLEAN,
    DEFENDING,
    DOCUMENTS,
    EVERY_MODE,
    OWN,
    SHORT,
    Histories,
    World,
    sentinel,
    serve,
    taken,
)
from tests.strategist.world import QUERY, plan, policy


def with_signals(name, fault, *, stage=Stage.CONTEXT):
    """A Sentinel of one good signal and one that fails, the good one first."""

    def manifest(called):
        return SignalManifest(name=called, summary="x", stage=stage, threats=frozenset({Threat.POISONING}))

    class Good(Signal):
        def measure(self, evidence):
            return 1.0

    class Bad(Signal):
        def measure(self, evidence):
            return fault()

    Good.manifest, Bad.manifest = manifest("good"), manifest(name)
    return Sentinel([Good(), Bad()], ThreatModels())


def check(outcome, mode, part, *, left_out=CLEAN):
    """What each mode makes of the failure of an essential part: served, recorded and counted."""
    component = part.partition(" (")[0]
    served, decision, health, _ = outcome
    assert taken(served) == {FailureMode.CLOSED: [], FailureMode.OPEN: OWN, FailureMode.DEGRADE: left_out}[mode]
    assert decision.errors.keys() == {component}
    assert decision.errors[component].endswith(f"; {mode.value}")
    counted = {"closed": "closed", "open": "open", "degrade": "degraded"}[mode.value]
    assert {what: health[what] for what in ("closed", "open", "degraded", "missing")} == {
        **dict.fromkeys(("closed", "open", "degraded", "missing"), 0),
        counted: 1,
    }
    assert health["failures"] == {part: 1}
    return decision.errors[component].partition(";")[0]


# Essential parts: raise, hang, NaN, wrong shapes


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "hangs", "nan", "text", "array"])
def test_the_query_embedding(faults, mode, fault):
    outcome = serve(lambda: World(embed=faults[fault]), mode=mode, short="embed" if fault == "hangs" else None)
    error = check(outcome, mode, "embeddings (query)")
    assert (error == "TimeBudgetExceeded") is (fault == "hangs")


@EVERY_MODE
@pytest.mark.parametrize("vector", [[np.nan] * 4, [np.inf] * 4, [0.0] * 4, []], ids=str)
def test_a_query_vector_without_a_direction(mode, vector):
    check(serve(lambda: World(embed=lambda: np.array(vector, np.float32)), mode=mode), mode, "embeddings (query)")


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_the_documents_embedding(faults, mode, fault):
    short = "embed" if fault == "hangs" else None
    check(serve(lambda: World(described=faults[fault]), mode=mode, short=short), mode, "embeddings (documents)")


NOT_PROBABLE = [
    RiskProfile(probabilities={Threat.POISONING: float("nan")}),
    RiskProfile(probabilities={Threat.POISONING: 1.5}),
    RiskProfile(suspicion={Threat.POISONING: np.array([0.5])}),
    RiskProfile(suspicion={Threat.POISONING: np.full(8, np.nan)}),
]


@EVERY_MODE
@pytest.mark.parametrize("stage", ["query", "context"])
@pytest.mark.parametrize("fault", ["raises", "hangs", "nan", "none", 0, 1, 2, 3])
def test_the_sentinel(faults, mode, stage, fault):
    act = faults[fault] if isinstance(fault, str) else lambda *_: NOT_PROBABLE[fault]
    senses = sentinel(**{f"sense_{stage}": act})
    outcome = serve(senses=senses, mode=mode, short="sense" if fault == "hangs" else None)
    check(outcome, mode, f"sentinel {stage}")
    assert outcome[1].profile.probabilities == {}


@EVERY_MODE
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("fault", ["raises", "hangs", "nan", "text", "array", "overfetch"])
def test_the_policy(faults, mode, where, fault):
    # An over-fetch of NaN or of half a document is no number of documents.
    bad = (lambda *_: DefensePlan(overfetch=float("nan"))) if fault == "overfetch" else faults[fault]
    fixed = policy(**{"before": plan("echo_filter", overfetch=2), where: bad})
    outcome = serve(fixed=fixed, mode=mode, short="plan" if fault == "hangs" else None)
    # Before retrieval, nothing stands yet; after it, plan A does.
    check(outcome, mode, f"policy fixed ({where})", left_out=OWN if where == "before" else CLEAN)


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "hangs", "nan", "none", "array", "huge"])
def test_a_rewrite(plug, faults, mode, fault):
    plug("rewriter", faults[fault], stage=Stage.QUERY)
    fixed = policy(plan("rewriter", "echo_filter", overfetch=2))
    check(serve(fixed=fixed, mode=mode, short="defend" if fault == "hangs" else None), mode, "rewriter")


WRONG = {
    "invented": lambda evidence: Selection((0, 1, 99)),
    "no reason": lambda evidence: Selection((0,), {1: float("nan")}),
    "no text": lambda evidence: Selection(tuple(range(8)), {}, {0: float("nan")}),
}


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "hangs", "nan", "none", "text", "array", *WRONG])
def test_a_defense_is_left_out_and_the_next_goes_on(plug, faults, mode, fault):
    plug("faulty", {**faults, **WRONG}[fault], stage=Stage.RETRIEVAL)
    fixed = policy(plan("faulty", "echo_filter", overfetch=2))
    outcome = serve(fixed=fixed, mode=mode, short="defend" if fault == "hangs" else None)
    check(outcome, mode, "faulty")
    assert outcome[1].plan.names == ("faulty", "echo_filter")


# Signals, histories and lists: missing in every mode


@EVERY_MODE
@pytest.mark.parametrize("fault", ["raises", "text", "array"])
def test_a_signal_is_missing(faults, mode, fault):
    served, decision, _, _ = serve(senses=with_signals("bad", faults[fault]), mode=mode)
    assert decision.errors["signal bad"].endswith("; missing")
    assert decision.profile.signals == {"good": 1.0, "bad": None}
    assert taken(served) == CLEAN


def test_a_signal_of_nan_is_missing(faults):
    _, decision, _, _ = serve(senses=with_signals("bad", faults["nan"]))
    assert decision.profile.signals["bad"] is None


@EVERY_MODE
@pytest.mark.parametrize("stage", [Stage.QUERY, Stage.CONTEXT])
def test_a_signal_that_hangs_takes_its_stage_with_it(faults, mode, stage):
    """What the stage had measured is not handed on half-written: it was not evaluated, which is not clean."""
    senses = with_signals("bad", faults["hangs"], stage=stage)
    outcome = serve(senses=senses, mode=mode, short="sense")
    name = "query" if stage is Stage.QUERY else "context"
    assert check(outcome, mode, f"sentinel {name}") == "TimeBudgetExceeded"
    assert outcome[1].profile.signals == {}
    assert outcome[2]["timeouts"] == {f"sentinel {name}": 1}
    assert outcome[2]["workers"]["left_behind"] == 1


def test_measurements_of_the_query_stand_when_the_context_hangs(faults):
    early = RiskProfile(signals={"early": 2.0}, probabilities={Threat.MEMBERSHIP: 0.9})
    senses = sentinel(sense_query=lambda _: early, sense_context=faults["hangs"])
    _, decision, _, _ = serve(senses=senses, short="sense")
    assert (decision.profile.signals, decision.profile.probabilities) == ({"early": 2.0}, {})


@EVERY_MODE
@pytest.mark.parametrize("method", ["load", "record"])
@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_a_history_that_is_down(faults, mode, method, fault):
    served, decision, health, _ = serve(
        mode=mode, short="sense" if fault == "hangs" else None, history=lambda: Histories(**{method: faults[fault]})
    )
    error = "TimeBudgetExceeded" if fault == "hangs" else "RuntimeError"
    assert decision.errors == {"history": f"{error}; missing"}
    assert (health["missing"], health["failures"]) == (1, {f"history ({method})": 1})
    assert taken(served) == CLEAN


# The base: there is nothing to serve without it


@EVERY_MODE
@pytest.mark.parametrize(("stable", "call"), [(True, "fetch"), (False, "fetch"), (False, "own")])
def test_a_base_that_hangs(faults, mode, stable, call):
    engine = Engine(sentinel(), DEFENDING, Resources(), mode, guard=Guard(Resilience(fetch=SHORT)))
    source = World(stable=stable, **{call: faults["hangs"]})
    with pytest.raises(TimeBudgetExceeded, match="base"):
        engine.run(Request(QUERY, 4), source)
    with pytest.raises(TimeBudgetExceeded, match="base"):
        asyncio.run(engine.arun(Request(QUERY, 4), source))
    assert engine.health()["timeouts"] == {"base": 2}


def test_a_base_that_hangs_for_many_fails_at_once(faults):
    engine = Engine(sentinel(), DEFENDING, Resources(), guard=Guard(Resilience(fetch=SHORT, left_behind=1)))
    source = World(fetch=faults["hangs"])
    with pytest.raises(TimeBudgetExceeded):
        engine.run(Request(QUERY, 4), source)
    for _ in range(3):
        with pytest.raises(WorkersStuck):
            engine.run(Request(QUERY, 4), source)
    assert source.asked.count("fetch") == 1


@pytest.mark.parametrize("fault", ["nan", "text"])
def test_a_base_that_gives_no_documents(faults, fault):
    class Strings(World):
        def fetch(self, query, vector, k, config):
            return tuple(Candidate(i, faults[fault]()) for i in range(k))

    with pytest.raises(ComponentError, match="where a document belongs"):
        serve(Strings)


def test_what_the_base_serves_alone_is_not_timed(faults):
    """Policy `none` is the bare base: it hangs as the base does, and in the thread of its caller."""
    threads = []
    source = World(own=lambda: threads.append(threading.get_ident()) or DOCUMENTS[:4])
    engine = Engine(sentinel(), policy(passive=True), Resources(), guard=Guard(Resilience(fetch=SHORT)))
    engine.run(Request(QUERY, 4), source)
    assert threads == [threading.get_ident()]
