"""Adaptive: the plan is the cheapest of all by the objective, reckoned here a second time from its definition."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from defenses import DEFENSES
from sentinel import SIGNALS, Threat
from sentinel.manifest import Need
from strategist.policies.adaptive import BY_CLIENT, AdaptivePolicy
from tests.strategist.adaptive_options import chosen, every_plan
from tests.strategist.calibrations import calibrations
from tests.strategist.profiles import planned, profiles, requests

PRICES = st.sampled_from([0.0, 0.01, 0.3, 1.0, 10.0, 1e6]) | st.floats(0.0, 100.0)
WEIGHTS = st.dictionaries(st.sampled_from(list(Threat)), st.sampled_from([0.0, 0.5, 3.0]))


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
    planted = bool(corpus & set(option.residual)) or not option.residual
    rates = policy.calibration.rates
    rate = rates.get("corpus", 1.0) if planted else rates.get("client", 1.0)
    if not planted and option.name == "hide_for_client" and "history" in rates:
        rate = rates["history"]
    # What victims of a poisoned corpus lose is the toll, where it was measured.
    honest = 1.0 if planted and not option.toll else 1.0 - p
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
