"""Calibrating: what defenses leave, which price keeps the promises, and what is not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import calibrate as module
from benchmarks.calibrate import (
    ALPHAS,
    CANDIDATES,
    ELSEWHERE,
    FITTED,
    PORTABLE,
    SUREST,
    UNCOUNTED,
    calibrate,
    choose,
    elsewhere,
)
from benchmarks.data import Dataset, MembershipTarget, PoisonTarget, load
from benchmarks.losses import PRIOR_COST, losses_by_setting
from benchmarks.rates import RATES
from benchmarks.readings import Traffic
from benchmarks.staged import stage
from sentinel.errors import DataError
from sentinel.threat_models import shipped_models
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option, shipped_calibration
from strategist.conformal import held
from tests.benchmarks.datasets import BagOfWords
from tests.benchmarks.tiny import tiny

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")]
KINDS = ("benign", "benign-drilldown", "benign-hard")


# Which price


def table(*columns: Sequence[float]) -> np.ndarray:
    return np.array(columns, dtype=np.float64).T


def test_the_stricter_promise_wins() -> None:
    lax = table([0.0] * 99, [0.0] * 99, [0.0] * 99)
    half = [1.0] * 5 + [0.0] * 94  # (5 + 1) / 100
    strict = table(half, [0.0] * 99, [0.0] * 99)
    alphas = {"benign": 0.05, "benign-hard": 0.05}
    assert choose({"benign-hard": lax}, alphas, strict=True)[0] == 0
    for losses in ({"benign-hard": lax, "benign": strict}, {"benign": strict, "benign-hard": lax}):
        found, promises = choose(losses, alphas, strict=True)
        assert found == 1
        assert promises.keys() == {"benign", "benign-hard"}
        assert promises["benign"].model_dump(exclude={"unseen"}) == {"alpha": 0.05, "sessions": 99, "loss": 0.0}
    assert choose({"benign-hard": lax, "benign": strict}, {**alphas, "benign": 0.06}, strict=True)[0] == 0


def test_a_promise_that_no_price_keeps() -> None:
    found, promises = choose({"benign": np.ones((99, 3)), "benign-hard": np.zeros((99, 3))}, ALPHAS, strict=True)
    assert found is None
    assert {promise.loss for promise in promises.values()} == {0.0}


def test_the_promise_is_checked_on_sessions_that_had_no_say() -> None:
    # One in fifty loses everything at the first setting: some parts miss them, and what is left over pays for it.
    losses = table([1.0] * 4 + [0.0] * 196, [0.0] * 200)
    found, promises = choose({"benign": losses}, {"benign": 0.02}, strict=True)
    assert found == 1
    assert 0.0 < (promises["benign"].unseen or 0.0) <= 0.02
    assert choose({"benign": losses * 0.0}, {"benign": 0.02}, strict=True)[1]["benign"].unseen == 0.0
    # Nobody is left to check on where all are needed.
    assert choose({"benign": np.zeros((99, 2))}, ALPHAS, strict=True)[1]["benign"].unseen is None


def test_too_few_sessions_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"30 benign sessions.*promise of 0\.01 takes 99.*promise 0\.0323 \(--alpha\)"):
        choose({"benign": np.zeros((30, 3))}, ALPHAS, strict=True)


@pytest.mark.parametrize("sessions", [1, 4, 30, 98])
def test_a_trial_promises_what_few_sessions_can_carry(sessions: int) -> None:
    found, promises = choose({"benign": np.zeros((sessions, 3))}, ALPHAS, strict=False)
    assert found == 0
    alpha = promises["benign"].alpha
    assert 1.0 / (sessions + 1) <= alpha <= 0.5
    assert alpha <= ALPHAS["benign"] + 1.0 / (sessions + 1) + 1e-12


def test_a_kind_without_sessions_promises_nothing() -> None:
    empty = {"benign-hard": np.zeros((0, 2))}
    found, promises = choose({"benign": np.zeros((99, 2)), **empty}, ALPHAS, strict=True)
    assert found == 0
    assert promises.keys() == {"benign"}
    assert choose(empty, ALPHAS, strict=True) == (None, {})


# A whole calibration


FEW = (("hide_probed", {"run": 12, "grams": 10}), ("echo_filter", {}), ("suspicion_filter", {"threshold": 0.5}))


def small() -> Dataset:
    data = load("bundled")
    return replace(data, queries=data.queries[:30], drilldowns=data.drilldowns[:8], hard=data.hard[:12])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CANDIDATES": FEW, "MOST": 5, "MOST_SERIES": 2, "MORE": {"fit": 1, "calibrate": 1}
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr("benchmarks.rates.RATES", (0.01, 0.1, 1.0, 10.0))


@pytest.mark.slow
def test_an_artefact_depends_on_nothing_under_test(quick: None) -> None:
    data = small()
    found = calibrate(data, BagOfWords(), shipped_models(), 0, strict=False)
    assert calibrate(data, BagOfWords(), shipped_models(), 0, strict=False).dumps() == found.dumps()
    blind = replace(
        data,
        membership=tuple(MembershipTarget(t.id, t.member, "?") for t in data.membership),
        poison=(PoisonTarget("x", "?", ("?",)),),
        ready_made=(),
    )
    assert calibrate(blind, BagOfWords(), shipped_models(), 0, strict=False).dumps() == found.dumps()
    assert found.models == shipped_models().hash
    assert found.promises.keys() == set(KINDS)
    assert [(o.name, dict(o.parameters)) for o in found.options] == [(n, p) for n, p in FEW]
    assert found.options[0].residual.keys() == {Threat.MEMBERSHIP}
    assert found.options[1].residual[Threat.POISONING]["poisonedrag"] == 0.0
    assert found.options[1].toll[Threat.POISONING]["poisonedrag"] >= PRIOR_COST
    assert not found.options[0].toll
    groups = found.together[Threat.POISONING]["poisonedrag"]
    assert sum(group.share for group in groups) == pytest.approx(1.0, abs=1e-5)
    assert all(group.left[1] == 0.0 for group in groups)
    assert all(group.left[2] == UNCOUNTED for group in groups if 2 in group.left)
    assert found.price is None or found.rates.keys() == {option.origin for option in found.options}
    assert Calibration.loads(found.dumps()) == found
    with pytest.raises(DataError, match="--alpha"):
        choose({"benign": np.zeros((found.promises["benign"].sessions, 2))}, ALPHAS, strict=True)


def test_what_is_for_other_corpora_is_the_mildest_of_what_rests_on_this_one() -> None:
    assert {name for name, _ in PORTABLE} == {name for name, _ in CANDIDATES}
    assert [p["threshold"] for name, p in PORTABLE if name in FITTED] == [SUREST]
    assert [p["known"] for name, p in PORTABLE if name == "gibberish_filter"] == [10.0, 8.0]
    assert [p["apart"] for name, p in PORTABLE if name == "hide_probed"] == [8, 5, 5, 5, 5, 5]
    assert [o.parameters["threshold"] for o in shipped_calibration().options if o.name in FITTED] == [SUREST]
    assert shipped_calibration().rates["corpus"] == 1.0
    judging = [option for option in shipped_calibration().options if option.name != "hide_for_client"]
    assert all(cost >= ELSEWHERE for option in judging for _, cost in option.cost)


def test_elsewhere_a_judgement_of_texts_costs_more_than_nothing() -> None:
    cost = ((0.01, 0.0), (0.2, 0.3), (0.5, 0.99))
    judged = elsewhere(Option(name="hide_probed", cost=cost, milliseconds=0.2))
    assert judged.cost == ((0.01, ELSEWHERE), (0.2, 0.3 + ELSEWHERE), (0.5, 1.0))
    assert judged.milliseconds == 0.2
    remembered = Option(name="hide_for_client", residual={Threat.MEMBERSHIP: {"interrogation": 0.1}}, cost=cost)
    assert elsewhere(remembered) == remembered


def test_data_without_free_passages_cannot_be_calibrated() -> None:
    with pytest.raises(DataError, match="too few passages"):
        calibrate(tiny(), BagOfWords(), shipped_models(), 0, strict=False)


HARSH = Calibration(
    options=(
        Option(
            name="hide_probed",
            parameters={"run": 3, "grams": 1, "share": 0.01, "words": 3, "ordered": 0.2},
            residual={Threat.MEMBERSHIP: {"mba": 0.0}},
            cost=((0.0005, 0.0001), (0.01, 0.01), (0.5, 0.3)),
        ),
    )
)
"""Nobody would plan it: it hides what shares three words, and only the price keeps it from harmless questions."""
SETTINGS: list[Any] = [{"client": rate, "corpus": rate} for rate in (0.0, *RATES)]
"""From the strongest to the mildest."""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "alpha"), [("benign", 0.06), ("benign-hard", 0.03), ("benign-drilldown", 0.05)])
def test_the_promise_holds_on_sessions_that_were_not_calibrated_on(kind: str, alpha: float) -> None:
    ((found, _),) = stage(data := load("bundled"), [Traffic.of(data, kind, 0)], BagOfWords(), shipped_models(), 0)
    for known in (shipped_calibration(), HARSH) if kind == "benign" else (HARSH,):
        losses = losses_by_setting(found, known, SETTINGS)
        assert known is not HARSH or losses.max() > 0.0  # something is at stake
        assert held(losses, alpha, len(losses) // 2, range(200)).mean() <= alpha
