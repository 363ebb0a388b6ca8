"""The flow of one request: what each failure mode serves, how much is fetched, what a defense may not do."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, Selection
from sentinel import Candidate, DataError, Request, Sentinel, Stage, ThreatModels
from sentinel.vocabulary import MAX_K
from strategist import DefensePlan, Engine, FailureMode, PlannedDefense
from strategist.sources import RunnableSource, Source, source_for
from tests.strategist.world import (
    EMBEDDINGS,
    QUERY,
    Broken,
    HalfBroken,
    Raising,
    Ranked,
    corpus,
    faiss,
    fields,
    plan,
    planted,
    policy,
)

DOCUMENTS = corpus()
MODES = list(FailureMode)
EVERY_MODE = pytest.mark.parametrize("mode", MODES, ids=[m.value for m in MODES])


def serve(fixed, source=None, *, k=4, query=QUERY, mode=FailureMode.DEGRADE, shadow=False, documents=DOCUMENTS):
    """Serve one request synchronously and asynchronously, which must agree."""
    if not isinstance(source, Source):
        source = source_for(Ranked(docs=documents) if source is None else source)
    engine = Engine(Sentinel(models=ThreatModels()), fixed, Resources(), mode, shadow)
    request = Request(query, k, time=0.0)
    served, decision = engine.run(request, source)
    again, other = asyncio.run(engine.arun(request, source))
    assert fields(served) == fields(again)
    for record in (one := decision.record(), two := other.record()):
        for key in ("id", "at", "milliseconds"):
            del record[key]
    assert one == two
    json.dumps(decision.record(), allow_nan=False)
    return served, decision


def dropping(*positions):
    return lambda evidence: Selection.without(evidence, dict.fromkeys(positions, "why"))


def raising(error):
    def act(evidence):
        raise error

    return act


class Counting(Source):
    """Remembers what it is asked for."""

    def __init__(self, documents, prefix_stable=True):
        self.documents, self.prefix_stable, self.asked = documents, prefix_stable, []

    def embed(self, query):
        self.asked.append(("embed", query))

    def fetch(self, query, vector, k, config):
        self.asked.append(("fetch", query, k))
        return tuple(Candidate(i, d) for i, d in enumerate(self.documents[:k]))

    def own(self, query, k, config):
        self.asked.append(("own", query, k))
        return self.documents[:k]


# What is fetched, and from whom the answer comes


@pytest.mark.parametrize(("first", "second", "asked"), [(1, 1, 4), (3, 1, 12), (5, 9, 20)])
def test_overfetch_of_plan_a(first, second, asked):
    source = Counting(DOCUMENTS)
    serve(policy(DefensePlan(overfetch=first), DefensePlan(overfetch=second)), source)
    assert source.asked[:2] == [("embed", QUERY), ("fetch", QUERY, asked)]


def test_overfetch_stays_within_what_a_store_takes():
    source = Counting(DOCUMENTS)
    serve(policy(DefensePlan(overfetch=3)), source, k=MAX_K - 1)
    assert source.asked[1] == ("fetch", QUERY, MAX_K)
    assert len(serve(policy(DefensePlan(overfetch=3)), faiss(), k=MAX_K)[0]) == len(DOCUMENTS)


@pytest.mark.parametrize("stable", [True, False])
def test_a_benign_request_is_served_by_the_bases_own_call_where_the_prefix_may_differ(stable):
    source = Counting(DOCUMENTS, stable)
    serve(policy(DefensePlan(overfetch=3)), source)
    assert (("own", QUERY, 4) in source.asked) is not stable


def test_a_passive_policy_asks_for_the_own_answer_only():
    source = Counting(DOCUMENTS)
    served, decision = serve(policy(passive=True), source)
    assert source.asked == [("own", QUERY, 4)] * 2
    assert served[0] is DOCUMENTS[0]
    assert (decision.mode, decision.fetched, decision.served) == ("passive", 4, (0, 1, 2, 3))


def test_a_rewritten_query_is_what_is_searched(plug):
    plug("rewriter", lambda evidence: "other words", stage=Stage.QUERY)
    source = Counting(DOCUMENTS, prefix_stable=False)
    served, _ = serve(policy(plan("rewriter")), source)
    assert source.asked[:3] == [("embed", QUERY), ("embed", "other words"), ("fetch", "other words", 4)]
    assert not any(asked[0] == "own" for asked in source.asked)
    assert len(served) == 4


# Dropping and filling up


@given(st.lists(st.booleans(), max_size=16), st.integers(1, 8), st.integers(1, 3), st.booleans())
def test_what_is_served_is_the_first_k_that_may_be(drop, k, overfetch, echo):
    documents = planted(*(i for i, gone in enumerate(drop) if gone), size=max(len(drop), 2))[: len(drop)]
    parameters = {"share": 0.8}
    chosen = DefensePlan((PlannedDefense("echo_filter", parameters),) if echo else (), overfetch)
    before = [d.model_copy(deep=True) for d in documents]
    served, decision = serve(policy(chosen), Ranked(docs=documents), k=k)
    seen = documents[: k * overfetch]
    clean = [i for i, _ in enumerate(seen) if not (echo and drop[i])]
    assert decision.served == tuple(clean[:k])
    assert fields(served) == fields([documents[i] for i in clean[:k]])
    assert decision.missing == min(k, len(seen)) - len(clean[:k])
    assert decision.dropped == tuple(i for i, _ in enumerate(seen) if echo and drop[i])
    assert documents == before


def test_defenses_run_stage_by_stage_on_what_is_left(plug):
    seen = []

    def watching(name, *positions):
        def act(evidence):
            seen.append((name, [c.position for c in evidence.candidates]))
            return dropping(*positions)(evidence)

        return act

    plug("late", watching("late", 2), stage=Stage.CONTEXT)
    plug("early", watching("early", 0), stage=Stage.RETRIEVAL)
    served, decision = serve(policy(plan("late"), plan("early", overfetch=2)))
    assert seen[:2] == [("early", [0, 1, 2, 3]), ("late", [1, 2, 3])]
    assert [(o.defense, o.entered, o.left) for o in decision.outcomes] == [("early", 4, 3), ("late", 3, 2)]
    assert fields(served) == fields([DOCUMENTS[1], DOCUMENTS[3]])
    assert decision.missing == 2


def test_replaced_text_is_served_in_a_copy(plug):
    plug("cutter", lambda evidence: Selection((0, 1, 2, 3), {}, {1: "cut", 99: "invented"}))
    served, _ = serve(policy(plan("cutter")))
    assert [d.page_content for d in served] == [DOCUMENTS[0].page_content, "cut", *(d.page_content for d in served[2:])]
    assert served[1].id == DOCUMENTS[1].id
    assert DOCUMENTS[1].page_content != "cut"


def test_positions_may_be_numpy_integers(plug):
    plug("numpy", lambda evidence: Selection(tuple(np.array([1, 3])), {np.int64(0): "why"}))
    _, decision = serve(policy(plan("numpy")))
    assert decision.served == (1, 3)
    assert decision.outcomes[0].dropped == ((0, "why"), (2, ""))


def test_a_list_among_the_parameters(plug):
    plug("listing", Selection.all_of)
    _, decision = serve(policy(plan("listing", numbers=[1, 2])))
    assert decision.errors == {}
    assert decision.plan.names == ("listing",)


# Failures


@EVERY_MODE
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("bad", [ValueError(QUERY), "nonsense", plan("no_such_defense"), plan("echo_filter", share=7)])
def test_a_failing_policy(mode, where, bad):
    wrong = bad if isinstance(bad, BaseException | DefensePlan) else lambda *_: bad
    fixed = policy(**{"before": plan("echo_filter", overfetch=2), where: wrong})
    served, decision = serve(fixed, documents=planted(0), mode=mode)
    (error,) = decision.errors.values()
    assert decision.errors.keys() == {"policy fixed"}
    assert error.endswith(mode.value)
    assert QUERY not in json.dumps(decision.record())
    kept = {"before": [0, 1, 2, 3], "after": [1, 2, 3, 4]}[where]  # after: plan A stands
    expected = {FailureMode.CLOSED: [], FailureMode.OPEN: [0, 1, 2, 3], FailureMode.DEGRADE: kept}[mode]
    assert fields(served) == fields([planted(0)[i] for i in expected])


@EVERY_MODE
@pytest.mark.parametrize(
    "act",
    [
        raising(RuntimeError(QUERY)),
        lambda evidence: Selection((0, 1, 99)),
        lambda evidence: Selection((1, 0)),
        lambda evidence: Selection((0, 0, 1)),
        lambda evidence: Selection((-1,)),
        lambda evidence: None,
        lambda evidence: [0, 1],
    ],
    ids=["raises", "invented", "reordered", "doubled", "negative", "none", "list"],
)
def test_a_failing_defense(plug, mode, act):
    plug("faulty", act, stage=Stage.RETRIEVAL)
    documents = planted(0)
    served, decision = serve(policy(plan("faulty", overfetch=2), plan("echo_filter")), documents=documents, mode=mode)
    assert decision.errors.keys() == {"faulty"}
    assert QUERY not in json.dumps(decision.record())
    expected = {FailureMode.CLOSED: [], FailureMode.OPEN: [0, 1, 2, 3], FailureMode.DEGRADE: [1, 2, 3, 4]}[mode]
    assert fields(served) == fields([documents[i] for i in expected])
    assert decision.missing == (4 if mode is FailureMode.CLOSED else 0)
    assert [o.defense for o in decision.outcomes] == (["echo_filter"] if mode is FailureMode.DEGRADE else [])


@EVERY_MODE
def test_a_failing_rewrite(plug, mode):
    plug("rewriter", raising(KeyError("x")), stage=Stage.QUERY)
    served, decision = serve(policy(plan("rewriter")), mode=mode)
    assert decision.errors == {"rewriter": f"KeyError; {mode}"}
    assert len(served) == (0 if mode is FailureMode.CLOSED else 4)


@EVERY_MODE
@pytest.mark.parametrize("model", [Broken(), HalfBroken()], ids=["queries", "documents"])
def test_an_embedding_service_that_is_down(mode, model):
    documents = planted(0)
    source = RunnableSource(Ranked(docs=documents), model, False)
    served, decision = serve(policy(plan("echo_filter", overfetch=2)), source, mode=mode)
    assert decision.errors == {"embeddings": f"ConnectionError; {mode}"}
    expected = {FailureMode.CLOSED: [], FailureMode.OPEN: [0, 1, 2, 3], FailureMode.DEGRADE: [1, 2, 3, 4]}[mode]
    assert fields(served) == fields([documents[i] for i in expected])


@EVERY_MODE
def test_a_failing_signal_is_missing_and_said(failing_signal, mode):
    served, decision = serve(policy(), mode=mode)
    assert decision.errors == {"signal failing": "ZeroDivisionError; missing"}
    assert decision.profile.failed == {"failing": "ZeroDivisionError"}
    assert len(served) == 4


@pytest.mark.parametrize(
    ("fixed", "mode"),
    [(policy(passive=passive), mode) for passive in (True, False) for mode in MODES]
    + [(policy(ValueError()), FailureMode.OPEN)],
)
def test_what_the_base_raises_goes_through(fixed, mode):
    engine = Engine(Sentinel(models=ThreatModels()), fixed, Resources(), mode)
    source = source_for(Raising())
    with pytest.raises(OSError, match="the index is gone"):
        engine.run(Request(QUERY), source)
    with pytest.raises(OSError, match="the index is gone"):
        asyncio.run(engine.arun(Request(QUERY), source))


def test_a_faiss_store_whose_model_is_down_raises_as_it_would_alone():
    store = faiss()
    store._embeddings = Broken()
    with pytest.raises(ConnectionError):
        serve(policy(), store)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_interrupt_is_not_swallowed(plug, error):
    plug("stopped", raising(error))
    with pytest.raises(type(error)):
        Engine(Sentinel(), policy(plan("stopped")), Resources()).run(Request(QUERY), source_for(Ranked(docs=DOCUMENTS)))


# Shadow


@EVERY_MODE
@pytest.mark.parametrize("fixed", [policy(plan("echo_filter", overfetch=2)), policy(ValueError())])
def test_shadow_records_and_changes_nothing(mode, fixed):
    documents = planted(0, 2)
    served, decision = serve(fixed, documents=documents, mode=mode, shadow=True)
    assert [id(d) for d in served] == [id(d) for d in documents[:4]]
    assert decision.mode == "shadow"
    if decision.errors:
        assert decision.errors == {"policy fixed": f"ValueError; {mode}"}
    else:
        assert decision.plan.names == ("echo_filter",)
        assert decision.dropped == (0, 2)
        assert decision.fetched == 8


def test_shadow_survives_an_embedding_service_that_is_down():
    source = RunnableSource(Ranked(docs=DOCUMENTS), Broken(), False)
    served, _ = serve(policy(), source, mode=FailureMode.CLOSED, shadow=True)
    assert len(served) == 4


def test_every_stage_has_its_milliseconds():
    _, decision = serve(policy(), source_for(Ranked(docs=DOCUMENTS), EMBEDDINGS))
    assert decision.milliseconds.keys() == {"embed", "fetch", "sense", "plan", "defend", "total"}
    assert all(ms >= 0 for ms in decision.milliseconds.values())
    parts = sum(ms for stage, ms in decision.milliseconds.items() if stage != "total")
    assert parts <= decision.milliseconds["total"] + 1


def test_a_request_without_candidates():
    served, decision = serve(policy(plan("echo_filter")), Ranked(docs=[]))
    assert served == []
    assert (decision.fetched, decision.missing) == (0, 0)
    with pytest.raises(DataError):
        Request("  ")
