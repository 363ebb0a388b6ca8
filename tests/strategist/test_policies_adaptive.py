"""Adaptive: the plan is the cheapest of all by the objective, reckoned here a second time from its definition."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from defenses import DEFENSES
from sentinel import SIGNALS, ConfigurationError, Request, RiskProfile, Threat
from sentinel.manifest import Need
from strategist import DefendedRetriever, DefensePlan, build_policy
from strategist.calibration import Calibration, Option, Outcome
from strategist.policies import adaptive
from strategist.policies.adaptive import BY_CLIENT, AdaptivePolicy, Plans
from tests.strategist.calibrations import calibrations
from tests.strategist.profiles import planned, profiles, requests
from tests.strategist.world import QUERY, faiss, fields, planted

REQUEST = Request("q", 4, time=0.0)
PRICES = st.sampled_from([0.0, 0.01, 0.3, 1.0, 10.0, 1e6]) | st.floats(0.0, 100.0)
WEIGHTS = st.dictionaries(st.sampled_from(list(Threat)), st.sampled_from([0.0, 0.5, 3.0]))


def hide(residual=0.1, cost=(), milliseconds=0.0, threat=Threat.MEMBERSHIP, name="hide_probed", **parameters):
    return Option(
        name=name, parameters=parameters, residual={threat: {"mba": residual}}, cost=cost, milliseconds=milliseconds
    )


def chosen(policy, profile, request=REQUEST):
    return policy.after_retrieval(request, profile, policy.before_retrieval(request, profile))


def suspected(**probabilities):
    return RiskProfile({}, {Threat[name.upper()]: p for name, p in probabilities.items()})


# The objective, from its definition


def believed(policy, threat, request, profile):
    p = profile.probabilities.get(threat)
    if p is None or math.isnan(p):
        p = policy.unknown
    if request.trust is None or threat not in BY_CLIENT:
        return p
    trust = min(max(request.trust, 0.02), 0.98)
    if p == 1.0:
        return 1.0
    odds = p / (1.0 - p) * (1.0 - trust) / trust
    return odds / (1.0 + odds)


def expected_cost(policy, option, request, profile):
    """Of one option to a benign user with this request."""
    p = max([believed(policy, t, request, profile) for t in option.residual], default=0.0)
    if not option.cost:
        return 0.0
    safe = np.clip([p, *(place for place, _ in option.cost)], 1e-9, 1.0 - 1e-9)
    odds = np.log(safe / (1.0 - safe))
    corpus = {Threat.POISONING, Threat.INJECTION, Threat.JAMMING}
    origin = "corpus" if corpus & set(option.residual) or not option.residual else "client"
    rate = policy.calibration.rates.get(origin, 1.0)
    # What victims of a poisoned corpus lose is the toll, where it was measured.
    honest = 1.0 - p if origin == "client" or option.toll else 1.0
    return rate * honest * float(np.interp(odds[0], odds[1:], [cost for _, cost in option.cost]))


def mixed(curves, names, p):
    """The share that each attack has of the requests that look like this one."""
    logit = lambda x: np.log(np.clip(x, 1e-9, 1.0 - 1e-9) / (1.0 - np.clip(x, 1e-9, 1.0 - 1e-9)))  # noqa: E731
    found = []
    for name in names:
        points = curves.get(name, ())
        places = [logit(place) for place, _ in points]
        found.append(float(np.interp(logit(p), places, [share for _, share in points])) if points else 0.0)
    return [share / sum(found) for share in found] if sum(found) else [1.0 / len(names)] * len(names)


def left_of(calibration, subset, threat, name):
    """What a set of options leaves of an attack's success."""
    known = calibration.together.get(threat, {}).get(name)
    if known:
        indices = [calibration.options.index(option) for option in subset]
        return sum(group.share * min([group.left.get(i, 1.0) for i in indices], default=1.0) for group in known)
    return min([o.residual.get(threat, {}).get(name, 1.0) for o in subset], default=1.0)


def worth(policy, subset, request, profile):
    """Harm done and milliseconds of one set of options, without what they cost benign users."""
    total = policy.latency * sum(option.milliseconds for option in subset)
    for threat, names in policy.calibration.attacks().items():
        left = [left_of(policy.calibration, subset, threat, name) for name in names]
        tolls = [min(1.0, sum(o.toll.get(threat, {}).get(name, 0.0) for o in subset)) for name in names]
        weight = policy.severity.get(threat, 1.0)
        p = believed(policy, threat, request, profile)
        shares = mixed(policy.calibration.mixture.get(threat, {}), names, p)
        total += p * sum(a * (weight * b + c) for a, b, c in zip(shares, left, tolls, strict=True))
    return total


def every_plan(options):
    names = dict.fromkeys(option.name for option in options)
    choices = [[None, *(o for o in options if o.name == name)] for name in names]
    return [tuple(o for o in picked if o is not None) for picked in product(*choices)]


def possible(option, profile):
    """Whether something that needs what the option needs could be measured of the request."""
    needs = set(DEFENSES.get(option.name).manifest.needs)
    needs |= {Need.CORPUS_PROFILE} if option.name == "suspicion_filter" else set()
    measured = [SIGNALS.get(n).manifest for n, v in profile.signals.items() if v is not None and n in SIGNALS.names()]
    nothing = all(value is None for value in profile.signals.values())
    return nothing or all(
        any(need in manifest.needs for manifest in measured)
        for need in needs & {Need.VECTORS, Need.CORPUS_PROFILE, Need.HISTORY}
    )


def objective(policy, subset, request, profile, price):
    costs = sum(expected_cost(policy, o, request, profile) for o in subset)
    return worth(policy, subset, request, profile) + price * costs


def subset_of(policy, plan):
    wanted = [(d.name, dict(d.parameters)) for d in plan.defenses]
    return tuple(o for o in policy.calibration.options if (o.name, o.parameters) in wanted)


@settings(max_examples=150, deadline=None)
@given(calibrations(), requests(), profiles(), PRICES, WEIGHTS, st.sampled_from([0.0, 0.001, 0.1]))
def test_no_plan_is_worth_more_than_the_one_chosen(calibration, request, profile, price, severity, latency):
    policy = AdaptivePolicy(calibration=calibration, price=price, severity=severity, latency=latency)
    plan = planned(policy, request, profile)
    subset = subset_of(policy, plan)
    assert len(subset) == len(plan.defenses)
    found = objective(policy, subset, request, profile, price)
    allowed = [other for other in every_plan(calibration.options) if all(possible(o, profile) for o in other)]
    best = min(objective(policy, other, request, profile, price) for other in allowed)
    assert all(possible(option, profile) for option in subset)
    assert found <= best + 1e-9 * (1.0 + price)
    assert plan.overfetch == 3


@settings(max_examples=100, deadline=None)
@given(calibrations(), requests(), profiles(), PRICES, PRICES)
def test_a_higher_price_never_buys_a_plan_that_costs_more(calibration, request, profile, one, other):
    low, high = sorted((one, other))
    assume(high > low + 1e-6)
    costs = []
    for price in (low, high):
        policy = AdaptivePolicy(calibration=calibration, price=price)
        subset = subset_of(policy, chosen(policy, profile, request))
        costs.append(sum(expected_cost(policy, o, request, profile) for o in subset))
    assert costs[1] <= costs[0] + 1e-9 * (1.0 + high) / (high - low)


# Pruning


@settings(max_examples=100, deadline=None)
@given(calibrations(), st.data())
def test_what_is_pruned_never_wins(calibration, data):
    """For any P, severity, costs and latency there is a plan left that is no worse."""
    every = Plans.of(calibration)
    left = every.useful()
    assert set(left.chosen) <= set(every.chosen)
    assert left.chosen[0] == ()
    some = st.floats(0.0, 5.0) | st.just(0.0)
    harm = np.array([data.draw(some) for _ in range(every.residual.shape[1])])
    costs = np.array([data.draw(some) for _ in calibration.options])
    latency = data.draw(some)

    def least(plans):
        return float((plans.residual @ harm + plans.holds @ costs + latency * plans.milliseconds).min())

    assert least(left) <= least(every) + 1e-9


@given(calibrations())
def test_the_table_holds_every_plan_once_with_one_strength_of_each_defense(calibration):
    plans = Plans.of(calibration)
    assert len(set(plans.chosen)) == len(plans.chosen) == len(every_plan(calibration.options))
    for picked, holds, residual, spent in zip(
        plans.chosen, plans.holds, plans.residual, plans.milliseconds, strict=True
    ):
        options = [calibration.options[i] for i in picked]
        assert len({o.name for o in options}) == len(options)
        assert tuple(np.flatnonzero(holds)) == picked
        assert spent == pytest.approx(sum(o.milliseconds for o in options))
        assert ((residual >= 0.0) & (residual <= 1.0)).all()


def test_a_defense_that_leaves_no_less_is_pruned_and_one_that_helps_elsewhere_is_not():
    strong, idle = hide(0.1), hide(0.5, name="hide_for_client")
    elsewhere = hide(0.5, threat=Threat.POISONING, name="echo_filter")
    plans = Plans.of(Calibration(options=(strong, idle, elsewhere))).useful()
    assert set(plans.chosen) == {(), (0,), (1,), (2,), (0, 2), (1, 2)}


def test_residuals_of_several_defenses_by_hand():
    one = Option(name="hide_probed", residual={Threat.MEMBERSHIP: {"mba": 0.2, "direct": 1.0}})
    two = Option(name="hide_for_client", residual={Threat.MEMBERSHIP: {"interrogation": 0.4}})
    plans = Plans.of(Calibration(options=(one, two)))
    assert plans.attacks == {Threat.MEMBERSHIP: ("mba", "direct", "interrogation")}
    left = dict(zip(plans.chosen, plans.residual.tolist(), strict=True))
    assert left == {(): [1, 1, 1], (0,): [0.2, 1, 1], (1,): [1, 1, 0.4], (0, 1): [0.2, 1, 0.4]}


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


def test_defenses_that_stop_different_sessions_add_up():
    one = Option(name="gibberish_filter", residual={Threat.POISONING: {"hotflip": 0.5}})
    two = Option(name="suspicion_filter", residual={Threat.POISONING: {"hotflip": 0.6}})
    groups = (
        Outcome(share=0.3, left={0: 0.0}),
        Outcome(share=0.2, left={0: 0.0, 1: 0.2}),
        Outcome(share=0.3, left={1: 0.2}),
        Outcome(share=0.2),
    )
    together = {Threat.POISONING: {"hotflip": groups}}
    plans = Plans.of(Calibration(options=(one, two), together=together))
    left = dict(zip(plans.chosen, plans.residual[:, 0].tolist(), strict=True))
    assert left == pytest.approx({(): 1.0, (0,): 0.5, (1,): 0.3 + 0.2 * 0.2 + 0.3 * 0.2 + 0.2, (0, 1): 0.3 * 0.2 + 0.2})


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


def test_too_many_plans_are_refused():
    many = [hide(run=i) for i in range(3, 320)] + [hide(name="hide_for_client", yes_no_run=i) for i in range(320)]
    with pytest.raises(ConfigurationError, match=r"637 options make 102,078 plans; 100,000 at most"):
        Plans.of(Calibration(options=tuple(many)))
    alone = [hide(name=f"d{i}") for i in range(200)]  # 2^200: more than any machine's integers hold
    with pytest.raises(ConfigurationError, match="100,000 at most"):
        Plans.of(Calibration(options=tuple(alone)))


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


def test_the_table_is_made_once_for_all_requests_and_policies(monkeypatch):
    made = []
    of = Plans.of.__func__
    monkeypatch.setattr(Plans, "of", classmethod(lambda cls, known: (made.append(known), of(cls, known))[1]))
    calibration = Calibration(options=(hide(0.1), hide(0.2, name="hide_for_client")), fitted_on="seen by nobody else")
    for price in (1.0, 2.0):
        policy = AdaptivePolicy(calibration=calibration, price=price)
        for p in (0.01, 0.5, 0.99):
            chosen(policy, suspected(membership=p))
    assert len(made) == 1


def test_a_request_costs_one_product_over_the_plans_whatever_there_is_to_choose():
    """No plan is looked at one by one: 3,000 of them call no more Python than three."""
    few = AdaptivePolicy(calibration=Calibration(options=(hide(0.1, ((0.5, 0.1),)),)))
    many = AdaptivePolicy()
    assert len(Plans.of(many.calibration).chosen) > 1000

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
