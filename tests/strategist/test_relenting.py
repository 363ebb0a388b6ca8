"""After a defense against planted documents has dropped some, a policy may give up what is no longer worth it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from pydantic import Field

from defenses import Resources, Selection
from sentinel import Request, RiskProfile, Sentinel, Threat, ThreatModels
from strategist import DefensePlan, Engine, FailureMode, Policy, PolicyManifest
from strategist.policies.adaptive import AdaptivePolicy
from strategist.sources import source_for
from tests.strategist.world import QUERY, Ranked, fields, plan, planted

POISONED = planted(0, 3)


class Watching(Policy):
    """Plans `chosen`, gives up `gives_up` and remembers what it was asked about."""

    manifest = PolicyManifest(name="watching", summary="x")

    chosen: tuple[str, ...] = ("echo_filter", "late")
    gives_up: dict[str, str] = Field({"late": "nothing left"})
    asked: list[tuple[str, int, tuple[str, ...]]] = Field(default_factory=list)

    def before_retrieval(self, request, profile):
        return DefensePlan(overfetch=2)

    def after_retrieval(self, request, profile, plan_a):
        return plan(*self.chosen, overfetch=2)

    def given_up(self, request, profile, plan_b):
        self.asked.append((request.query, len(profile.signals["question_echo"]), plan_b.names))
        return self.gives_up


class Constant(Watching):
    """Has no such method."""

    manifest = PolicyManifest(name="constant", summary="x")
    given_up = Policy.given_up


class Raising(Watching):
    manifest = PolicyManifest(name="raising", summary="x")

    def given_up(self, request, profile, plan_b):
        raise ValueError(QUERY)


@pytest.fixture
def late(plug):
    """Drops the first candidate that is left, whatever it is."""
    plug("late", lambda evidence: Selection.without(evidence, {evidence.candidates[0].position: "first"}))


def serve(policy, documents=POISONED, sentinel=None, mode=FailureMode.DEGRADE):
    engine = Engine(sentinel or Sentinel(models=ThreatModels()), policy, Resources(), mode)
    served, decision = engine.run(Request(QUERY, 4, time=0.0), source_for(Ranked(docs=documents)))
    again, _ = asyncio.run(engine.arun(Request(QUERY, 4, time=0.0), source_for(Ranked(docs=documents))))
    assert fields(served) == fields(again)
    return [d.id for d in served], decision


def test_what_is_given_up_does_nothing_and_is_said(late):
    served, decision = serve(Watching())
    assert served == ["d1", "d2", "d4", "d5"]
    assert decision.plan.names == ("echo_filter",)
    assert decision.plan.removed == {"late": "nothing left"}
    assert [o.defense for o in decision.outcomes] == ["echo_filter"]


def test_it_is_asked_about_the_candidates_that_are_left(late):
    policy = Watching()
    serve(policy)
    assert policy.asked == [(QUERY, 6, ("echo_filter", "late"))] * 2  # of eight, synchronously and asynchronously


def test_what_has_been_done_stands_in_the_record_whatever_is_found_afterwards(late):
    served, decision = serve(Watching(gives_up={"echo_filter": "too late", "unknown": "x"}))
    assert served == ["d2", "d4", "d5", "d6"]
    assert decision.plan.names == ("echo_filter", "late")
    assert decision.plan.removed == {}
    assert [o.defense for o in decision.outcomes] == ["echo_filter", "late"]


@pytest.mark.parametrize(
    ("policy", "documents"),
    [
        (Constant(), POISONED),
        (Watching(), planted()),
        (Watching(chosen=("late", "echo_filter")), POISONED),
        (Watching(chosen=("echo_filter",)), POISONED),
    ],
    ids=["does not relent", "nothing dropped", "dropped against probes", "nothing to come"],
)
def test_it_is_asked_only_where_there_is_something_to_ask(plug, policy, documents):
    def drop(evidence):
        return Selection.without(evidence, {evidence.candidates[0].position: "first"})

    plug("late", drop, threats=(Threat.MEMBERSHIP, Threat.POISONING))
    _, decision = serve(policy, documents)
    assert policy.asked == []
    assert decision.plan.names == policy.chosen


@pytest.mark.parametrize("mode", list(FailureMode))
def test_a_policy_that_fails_then_fails_as_it_would_before(late, mode):
    served, decision = serve(Raising(), mode=mode)
    assert decision.errors == {"policy raising": f"ValueError; {mode.value}"}
    expected = {
        FailureMode.CLOSED: [],
        FailureMode.OPEN: ["d0", "d1", "d2", "d3"],
        FailureMode.DEGRADE: ["d2", "d4", "d5", "d6"],
    }
    assert served == expected[mode]


@pytest.mark.parametrize("mode", list(FailureMode))
def test_where_what_is_left_cannot_be_measured_the_plan_stands(late, mode):
    class Once(Sentinel):
        def sense_context(self, evidence, before):
            if len(evidence.candidates) < 8:
                raise OSError(QUERY)
            return super().sense_context(evidence, before)

    served, decision = serve(Watching(), sentinel=Once(models=ThreatModels()), mode=mode)
    assert decision.errors == {"sentinel rest": "OSError; missing"}
    assert served == ["d2", "d4", "d5", "d6"]


def test_the_request_is_judged_by_all_that_came_back(late):
    _, decision = serve(Watching())
    assert len(np.asarray(decision.profile.signals["question_echo"])) == 8


# Adaptive


def test_adaptive_gives_up_what_it_would_not_choose_but_nothing_against_clients():
    policy = AdaptivePolicy()
    request = Request(QUERY, 4, time=0.0)
    under_way = plan("hide_probed", "echo_filter", "cluster_filter", "no_option")
    calm = RiskProfile({}, dict.fromkeys(Threat, 1e-6))
    assert set(under_way.without(policy.given_up(request, calm, under_way)).names) == {"hide_probed", "no_option"}
    alarmed = RiskProfile({}, {**dict.fromkeys(Threat, 1e-6), Threat.POISONING: 0.9})
    chosen = policy.after_retrieval(request, alarmed, DefensePlan())
    assert policy.given_up(request, alarmed, chosen).keys().isdisjoint(chosen.names)
