"""Adaptive: what moves the choice, by hand, and whole requests."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from sentinel import ConfigurationError, Request, RiskProfile, Threat
from strategist import DefendedRetriever, DefensePlan, build_policy
from strategist.calibration import Calibration, Option
from strategist.policies import adaptive
from strategist.policies.adaptive import AdaptivePolicy, Plans
from tests.strategist.adaptive_options import chosen, hide, suspected
from tests.strategist.world import QUERY, faiss, fields, planted

# What moves the choice


@pytest.mark.parametrize(("p", "names"), [(0.02, ()), (0.03, ("hide_probed",)), (1.0, ("hide_probed",))])
def test_the_edge_by_hand(p, names):
    # Worth it from p * 0.9 >= price * (1 - p) * 0.024 on: at price 1, p = 0.026.
    policy = AdaptivePolicy(calibration=Calibration(options=(hide(0.1, ((0.5, 0.024),)),)), price=1.0)
    assert chosen(policy, suspected(membership=p)).names == names


def test_a_cost_that_grows_with_p_is_read_over_log_odds():
    # Halfway in log-odds between 0.1 and 0.9 lies 0.5: (0.0 + 0.4) / 2 there, times 1 - p.
    option = hide(0.0, ((0.1, 0.0), (0.9, 0.4)))
    for price, names in ((4.9, ("hide_probed",)), (5.1, ())):
        policy = AdaptivePolicy(calibration=Calibration(options=(option,)), price=price)
        assert chosen(policy, suspected(membership=0.5)).names == names


@pytest.mark.parametrize("price", [None, math.inf])
def test_no_price_keeps_the_promise(price):
    policy = AdaptivePolicy(calibration=Calibration(options=(hide(0.0),), price=price))
    assert chosen(policy, suspected(membership=1.0)) == DefensePlan(overfetch=3)
    assert chosen(policy.model_copy(update={"price": 1.0}), suspected(membership=1.0)).names == ("hide_probed",)


def test_nothing_is_known():
    assert chosen(AdaptivePolicy(calibration=Calibration()), suspected(membership=1.0)) == DefensePlan(overfetch=3)


@pytest.mark.parametrize("probabilities", [{}, {Threat.MEMBERSHIP: math.nan}, {Threat.POISONING: 1.0}])
def test_a_threat_that_was_not_evaluated_is_not_clean(probabilities):
    calibration = Calibration(options=(hide(0.0, ((0.5, 0.1),)),))
    unsure = AdaptivePolicy(calibration=calibration, price=1.0, unknown=0.2)
    sure = AdaptivePolicy(calibration=calibration, price=1.0, unknown=0.01)
    assert chosen(unsure, RiskProfile({}, probabilities)).names == ("hide_probed",)
    assert chosen(sure, RiskProfile({}, probabilities)).names == ()


@pytest.mark.parametrize(("trust", "names"), [(None, ()), (0.5, ()), (0.9, ()), (0.4, ("hide_probed",))])
def test_trust_moves_the_odds_of_what_clients_do(trust, names):
    # At 0.4 the odds of 0.02 grow by 0.6 / 0.4 to 0.03: over the edge at 0.026.
    policy = AdaptivePolicy(calibration=Calibration(options=(hide(0.1, ((0.5, 0.024),)),)), price=1.0)
    assert chosen(policy, suspected(membership=0.02), Request("q", 4, "c", None, trust, 0.0)).names == names


@pytest.mark.parametrize("threat", list(Threat))
@pytest.mark.parametrize("trust", [0.0, 0.2, 0.98, 1.0])
def test_trust_says_nothing_of_documents(threat, trust):
    policy, request = AdaptivePolicy(), Request("q", 4, "c", None, trust, 0.0)
    found = policy._probability(threat, request, RiskProfile({}, {threat: 0.2}))
    if threat in (Threat.POISONING, Threat.INJECTION, Threat.JAMMING):
        assert found == 0.2
    else:
        bound = min(max(trust, 0.02), 0.98)
        assert found / (1.0 - found) == pytest.approx(0.25 * (1.0 - bound) / bound)


def test_severity_weighs_threats():
    calibration = Calibration(options=(hide(0.0, ((0.5, 0.1),)),))
    profile = suspected(membership=0.05)  # 0.05 * severity against 0.095
    for severity, names in ((1.0, ()), (2.0, ("hide_probed",)), (0.0, ())):
        policy = AdaptivePolicy(calibration=calibration, price=1.0, severity={Threat.MEMBERSHIP: severity})
        assert chosen(policy, profile).names == names


def test_milliseconds_weigh_too():
    calibration = Calibration(options=(hide(0.0, milliseconds=30.0),))
    for latency, names in ((0.001, ("hide_probed",)), (0.002, ())):
        policy = AdaptivePolicy(calibration=calibration, latency=latency)
        assert chosen(policy, suspected(membership=0.05)).names == names


def test_which_attack_it_would_be_follows_how_threatening_it_looks():
    loud = Option(
        name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0, "blind": 1.0}}, cost=((0.5, 0.1),)
    )
    quiet = Option(
        name="suspicion_filter", residual={Threat.POISONING: {"poisonedrag": 1.0, "blind": 0.0}}, cost=((0.5, 0.1),)
    )
    mixture = {Threat.POISONING: {"poisonedrag": ((0.1, 0.0), (0.9, 1.0)), "blind": ((0.1, 1.0), (0.9, 0.0))}}
    policy = AdaptivePolicy(calibration=Calibration(options=(loud, quiet), mixture=mixture, price=0.5), latency=0.0)

    def chosen(p):
        found = policy.after_retrieval(Request("q"), RiskProfile({}, {Threat.POISONING: p}), DefensePlan())
        return found.names

    # At 0.1: quiet leaves 0 of 0.1 and costs 0.045; loud leaves all of it. At 0.9 the other way round.
    assert chosen(0.1) == ("suspicion_filter",)
    assert chosen(0.9) == ("echo_filter",)
    # Half way on the log-odds both are as likely: 0.25 of harm each, for 0.025.
    assert chosen(0.5) == ("echo_filter", "suspicion_filter")


def test_what_a_defense_takes_from_victims_is_weighed_against_what_it_stops():
    strict = Option(
        name="gibberish_filter",
        residual={Threat.POISONING: {"hotflip": 0.9}},
        toll={Threat.POISONING: {"hotflip": 0.0, "poisonedrag": 0.15}},
    )
    echo = Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}})
    policy = AdaptivePolicy(calibration=Calibration(options=(strict, echo)), latency=0.0)
    # Alike, 0.1 of a half is stopped and 0.15 of a half is taken; where hotflip is likelier it is worth it.
    assert chosen(policy, suspected(poisoning=0.9)).names == ("echo_filter",)
    mixture = {Threat.POISONING: {"hotflip": ((0.5, 0.7),), "poisonedrag": ((0.5, 0.3),)}}
    likelier = AdaptivePolicy(calibration=Calibration(options=(strict, echo), mixture=mixture), latency=0.0)
    assert chosen(likelier, suspected(poisoning=0.9)).names == ("gibberish_filter", "echo_filter")


@pytest.mark.parametrize(
    ("suspicion", "names"),
    [
        (None, ("suspicion_filter",)),  # nobody evaluated candidates
        ([math.nan], ("suspicion_filter",)),
        ([0.1, 0.95], ("suspicion_filter",)),
        ([0.1, 0.9], ("cluster_filter",)),  # the filter drops what exceeds 0.9
        ([0.01, math.nan, 0.005], ("echo_filter",)),
        ([], ("suspicion_filter",)),
    ],
)
def test_nothing_is_planned_that_would_leave_every_candidate(suspicion, names):
    options = (
        hide(0.0, threat=Threat.POISONING, name="suspicion_filter", threshold=0.9),
        hide(0.05, threat=Threat.POISONING, name="cluster_filter", suspicion=0.02),
        hide(0.1, threat=Threat.POISONING, name="echo_filter", milliseconds=1.0),
    )
    policy = AdaptivePolicy(calibration=Calibration(options=options), price=1.0)
    found = suspected(poisoning=0.5)
    if suspicion is not None:
        found = replace(found, suspicion={Threat.POISONING: np.array(suspicion)})
    assert chosen(policy, found).names == names


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_of_a_defense_that_can_act_the_strength_that_p_asks_for_is_chosen(p, most):
    # Measured as they stand, idle requests included: nothing forces the next lower threshold.
    options = [
        hide(0.9 - i / 5, ((0.5, 0.01 * i),), threat=Threat.POISONING, name="suspicion_filter", threshold=threshold)
        for i, threshold in enumerate((0.9, 0.5, 0.1, 0.02))
    ]
    policy = AdaptivePolicy(calibration=Calibration(options=tuple(options)), price=1.0)
    plain = suspected(poisoning=p)
    found = chosen(policy, replace(plain, suspicion={Threat.POISONING: np.array([0.0, most])}))
    assert found == (chosen(policy, plain) if most > 0.02 else DefensePlan(overfetch=3))


def test_the_reason_names_the_threat_and_its_probability():
    policy = AdaptivePolicy(calibration=Calibration(options=(hide(0.0),)))
    (defense,) = chosen(policy, suspected(membership=0.5)).defenses
    assert defense.reason == "P(membership) 0.5"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"price": -1.0}, {"price": math.nan}, {"overfetch": 0}, {"latency": 2.0}, {"unknown": math.nan}),
        *({"severity": {"membership": -1.0}}, {"severity": {"membership": math.inf}}, {"severity": {"rain": 1.0}}),
    ],
)
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="adaptive"):
        build_policy("adaptive", wrong)


# What is worked out once


def test_a_request_costs_one_product_over_the_plans_whatever_there_is_to_choose():
    """No plan is looked at one by one: 3,000 of them call no more Python than three."""
    few = AdaptivePolicy(calibration=Calibration(options=(hide(0.1, ((0.5, 0.1),)),)))
    shipped = AdaptivePolicy().calibration
    more = tuple(
        Option(name="suspicion_filter", parameters={"threshold": t}, residual={Threat.POISONING: {"blind": 1.0 - t}})
        for t in (0.5, 0.25, 0.1)
    )
    many = AdaptivePolicy(calibration=shipped.model_copy(update={"options": (*shipped.options, *more)}))
    assert len(Plans.of(many.calibration).chosen) > 3000

    def calls(policy):
        import sys

        chosen(policy, suspected(membership=0.3))
        counted = []
        sys.setprofile(lambda frame, event, _: counted.append(frame) if event == "call" else None)
        try:
            chosen(policy, suspected(membership=0.3))
        finally:
            sys.setprofile(None)
        return len(counted)

    assert calls(many) <= calls(few) + 12 * len(many.calibration.options)


def test_policies_compare_by_what_they_were_made_of():
    one, other = AdaptivePolicy(), AdaptivePolicy()
    for policy in (one, other):
        chosen(policy, suspected(membership=0.5))
    assert one == other
    assert one != AdaptivePolicy(price=9.0)


# Whole requests


def serve(query, documents, **parameters):
    decisions, store = [], faiss(documents)
    wrapped = DefendedRetriever.wrap(
        store, policy=AdaptivePolicy(**parameters), sinks=[decisions.append], clock=lambda: 0.0
    )
    served = wrapped.invoke(query)
    (decision,) = decisions
    assert not decision.errors
    return store, served, decision


COPIED = hide(0.0, ((0.5, 0.1),), run=8)
PASTED = Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}}, cost=((0.5, 0.1),))
RECORD = (
    "The bridge at Wenmere was built by the engineer Anna Lintorp between 1871 and 1874. It carries the coastal "
    "railway over the river Silda and has four arches of red sandstone. Heavy storms damaged the northern pillar in "
    "1902, and repairs cost the town about 12,500 crowns."
)


def test_a_benign_request_leaves_as_the_base_serves_it():
    store, served, decision = serve(QUERY, planted(), calibration=Calibration(options=(COPIED, PASTED), price=30.0))
    assert fields(served) == fields(store.similarity_search(QUERY, k=4))
    assert decision.plan.defenses == ()


def test_a_probes_source_is_hidden_and_the_count_stays():
    documents = planted()
    target = documents[2] = documents[2].model_copy(update={"page_content": RECORD})
    probe = RECORD
    store, served, decision = serve(probe, documents, calibration=Calibration(options=(COPIED, PASTED), price=1.0))
    assert decision.profile.probabilities[Threat.MEMBERSHIP] > 0.1
    assert "hide_probed" in decision.plan.names
    first, *others = fields(store.similarity_search(probe, k=5))
    assert first == fields([target])[0]
    assert fields(served) == others  # four of them


def test_it_works_without_anything_being_told():
    _, served, decision = serve("amber basalt", [Document(id="1", page_content="amber"), *planted()])
    assert len(served) == 4
    assert decision.plan.overfetch == 3
    assert adaptive.shipped_calibration() is AdaptivePolicy().calibration
