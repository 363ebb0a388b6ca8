"""The rates of both origins: where attacks do least harm, within what benign users may lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import rates as module
from benchmarks.attacks import ATTACKS
from benchmarks.calibrate import ALPHAS
from benchmarks.data import Dataset
from benchmarks.losses import plans_by_price
from benchmarks.rates import RATES, harm_by_price, shared_rates
from benchmarks.readings import Traffic
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option
from tests.benchmarks.staging import staged

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")]

CLIENT = Option(name="hide_probed", residual={Threat.MEMBERSHIP: {"mba": 0.0}})
CORPUS = Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}})
BOTH = Calibration(options=(CLIENT, CORPUS))
ATTACKED = [
    SimpleNamespace(name=name, traffic=SimpleNamespace(attack=ATTACKS.get(name))) for name in ("mba", "jamming")
]
ONE = [SimpleNamespace(name="benign")]


def set_up(
    monkeypatch: pytest.MonkeyPatch, losses: Mapping[str, Any], harms: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """Benign losses and harm as functions of the rate, by defense and by attack."""

    def lost(staged: Any, calibration: Calibration, prices: Sequence[float]) -> np.ndarray:
        (option,) = calibration.options  # one origin at a time
        return np.array([[losses[option.name](price) for price in prices]] * 4)

    def harm(staged: Any, calibration: Calibration, prices: Sequence[float]) -> np.ndarray | None:
        (option,) = calibration.options
        assert (option.name == "hide_probed") == (staged.name == "mba"), "an attack meets its own origin's defenses"
        made = harms[staged.name]
        return None if made is None else np.array([made(price) for price in prices])

    monkeypatch.setattr(module, "losses_by_price", lost)
    monkeypatch.setattr(module, "harm_by_price", harm)
    return list(ONE), list(ATTACKED)


def below(edge: float, value: float, otherwise: float = 0.0) -> Any:
    return lambda price: value if price < edge else otherwise


def test_each_origin_goes_as_far_as_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(1.0, 0.5), "echo_filter": below(0.05, 0.5)}
    benign, attacked = set_up(monkeypatch, losses, {"mba": lambda p: min(p, 1.0), "jamming": lambda p: min(p, 1.0)})
    # Of rates that are alike within a step of harm the mildest one.
    found = shared_rates(BOTH, benign, attacked, ALPHAS)
    assert found["client"] >= 1.0
    assert found["corpus"] == min(rate for rate in RATES if rate >= 0.05)


def test_what_may_be_lost_is_spent_where_it_buys_most(monkeypatch: pytest.MonkeyPatch) -> None:
    # Either origin can have all that may be lost below 0.1, and not both.
    all_of_it = 0.8 * ALPHAS["benign"]
    losses = {"hide_probed": below(0.1, all_of_it), "echo_filter": below(0.1, all_of_it)}
    for mba, jamming, origin in ((0.1, 0.6, "client"), (0.6, 0.1, "corpus")):
        harms = {"mba": below(0.1, mba, 1.0), "jamming": below(0.1, jamming, 1.0)}
        found = shared_rates(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
        assert found[origin] < 0.1
        assert min(found.values()) == found[origin]
        assert max(found.values()) >= 0.1


def test_nothing_that_costs_is_bought_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(1.0, 0.001), "echo_filter": below(1.0, 0.001)}
    harms = {"mba": below(1.0, 1.0 - module.NOTHING / 10.0, 1.0), "jamming": None}
    found = shared_rates(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
    assert found == {"client": RATES[-1], "corpus": RATES[-1]}


def test_where_nothing_keeps_the_bounds_both_are_as_mild_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": lambda _: 0.5, "echo_filter": lambda _: 0.0}
    harms = {"mba": lambda _: 0.0, "jamming": lambda _: 0.0}
    found = shared_rates(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
    assert found == {"client": RATES[-1], "corpus": RATES[-1]}


def test_an_origin_without_options_gets_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    benign, attacked = set_up(monkeypatch, {"echo_filter": lambda _: 0.0}, {"jamming": lambda _: 0.0})
    found = shared_rates(Calibration(options=(CORPUS,)), benign, attacked[1:], ALPHAS)
    assert found == {"corpus": RATES[-1]}
    assert shared_rates(Calibration(), benign, [], ALPHAS) == {}


# What is served


def test_harm_is_what_the_chosen_defenses_leave_and_take(data: Dataset) -> None:
    found = staged(data, Traffic.of(data, "poisonedrag", 0))
    calibration = Calibration(
        options=(Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}}, cost=((0.5, 1.0),)),)
    )
    harm = harm_by_price(found, calibration, (0.0, 1e9))
    assert harm is not None
    assert harm.tolist() == [0.0, 1.0]  # always on, and never
    chosen = list(plans_by_price(found, calibration, (0.0, 1e9)))
    assert all(plan == ((("echo_filter", "[]"),),) for plan in chosen[0])
    assert not any(any(plan) for plan in chosen[1])


def test_an_attack_without_success_does_no_harm_that_could_be_weighed(data: Dataset) -> None:
    traffic = Traffic.of(data, "poisonedrag", 0)
    unplanted = staged(data, Traffic(traffic.data, traffic.attack, traffic.sessions, ()))
    assert harm_by_price(unplanted, BOTH, (0.0,)) is None
