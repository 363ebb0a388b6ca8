"""The table of plans that the adaptive policy chooses from: what it holds, and what is pruned from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import ConfigurationError, Threat
from strategist.calibration import Calibration, Option, Outcome
from strategist.policies.adaptive import AdaptivePolicy, Plans
from tests.strategist.adaptive_options import chosen, every_plan, hide, suspected
from tests.strategist.calibrations import calibrations


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


def test_too_many_plans_are_refused():
    many = [hide(run=i) for i in range(3, 320)] + [hide(name="hide_for_client", yes_no_run=i) for i in range(320)]
    with pytest.raises(ConfigurationError, match=r"637 options make 102,078 plans; 100,000 at most"):
        Plans.of(Calibration(options=tuple(many)))
    alone = [hide(name=f"d{i}") for i in range(200)]  # 2^200: more than any machine's integers hold
    with pytest.raises(ConfigurationError, match="100,000 at most"):
        Plans.of(Calibration(options=tuple(alone)))


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
