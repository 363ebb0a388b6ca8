"""How far to go against each origin of threats: what does least harm at every cost to benign users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import rates as module
from benchmarks.attacks import ATTACKS
from benchmarks.calibrate import ALPHAS
from benchmarks.data import Dataset
from benchmarks.losses import plans_under, policy_at
from benchmarks.rates import RATES, best_settings, harm_by_setting, in_steps
from benchmarks.readings import Traffic
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option
from tests.benchmarks.staging import staged

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")]

CLIENT = Option(name="hide_probed", residual={Threat.MEMBERSHIP: {"mba": 0.0}})
CORPUS = Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}})
PAST = Option(name="hide_for_client", residual={Threat.MEMBERSHIP: {"mba": 0.0}})
BOTH = Calibration(options=(CLIENT, CORPUS))
ALL = Calibration(options=(CLIENT, PAST, CORPUS))
NAMES = tuple(option.name for option in ALL.options)
ATTACKED = [
    SimpleNamespace(name=name, traffic=SimpleNamespace(attack=ATTACKS.get(name))) for name in ("mba", "jamming")
]
ONE = [SimpleNamespace(name="benign")]


def set_up(
    monkeypatch: pytest.MonkeyPatch, losses: Mapping[str, Any], harms: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """Benign losses and harm as functions of the price, by defense and by attack."""

    def lost(staged: Any, calibration: Calibration, settings: Sequence[Mapping[Any, float]]) -> np.ndarray:
        assert len({option.origin == "corpus" for option in calibration.options}) == 1  # one side at a time
        prices = [[(option.name, setting[option.origin]) for option in calibration.options] for setting in settings]
        return np.array([[sum(losses[name](price) for name, price in row) for row in prices]] * 4)

    def harm(staged: Any, calibration: Calibration, settings: Sequence[Mapping[Any, float]]) -> np.ndarray | None:
        for option in calibration.options:
            assert (option.origin != "corpus") == (staged.name == "mba"), "an attack meets its own side's defenses"
        made = harms[staged.name]
        first = calibration.options[0].origin
        return None if made is None else np.array([made(setting[first]) for setting in settings])

    monkeypatch.setattr("benchmarks.losses.losses_by_setting", lost)
    monkeypatch.setattr(module, "harm_by_setting", harm)
    return list(ONE), list(ATTACKED)


def below(edge: float, value: float, otherwise: float = 0.0) -> Any:
    return lambda price: value if price < edge else otherwise


MILDEST = {"client": RATES[-1], "corpus": RATES[-1]}


def test_each_origin_goes_as_far_as_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(1.0, 0.5), "echo_filter": below(0.05, 0.5)}
    free = best_settings(BOTH, *set_up(monkeypatch, losses, {"mba": lambda p: p, "jamming": lambda p: p}), ALPHAS)
    # More than is ever weighed is lost below; harm falls with the price, so as far as nothing is lost it goes.
    wanted = {
        "client": min(rate for rate in RATES if rate >= 1.0),
        "corpus": min(rate for rate in RATES if rate >= 0.05),
    }
    assert free == [wanted, MILDEST]


def test_from_the_strongest_to_the_mildest(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(price: float) -> float:
        return 0.02 / (1.0 + 5.0 * price)

    def harm(price: float) -> float:
        return min(price, 10.0) / 10.0

    made = set_up(monkeypatch, {"hide_probed": lost, "echo_filter": lost}, {"mba": harm, "jamming": harm})
    found = best_settings(BOTH, *made, ALPHAS)
    assert found[-1] == MILDEST
    assert len(found) > 10
    spent = [lost(setting["client"]) + lost(setting["corpus"]) for setting in found]
    done = [harm(setting["client"]) + harm(setting["corpus"]) for setting in found]
    assert spent == sorted(spent, reverse=True)
    assert done == sorted(done)


def test_what_may_be_lost_is_spent_where_it_buys_most(monkeypatch: pytest.MonkeyPatch) -> None:
    # Below 0.1 either origin takes as much; one of them buys more with it.
    losses = {"hide_probed": below(0.1, 0.008), "echo_filter": below(0.1, 0.008)}
    for mba, jamming, origin in ((0.1, 0.6, "client"), (0.6, 0.1, "corpus")):
        harms = {"mba": below(0.1, mba, 1.0), "jamming": below(0.1, jamming, 1.0)}
        both, first, *_ = best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
        assert max(both.values()) < 0.1
        assert [name for name, rate in first.items() if rate < 0.1] == [origin]


def test_what_judges_the_past_goes_further_while_that_is_nearly_free(monkeypatch: pytest.MonkeyPatch) -> None:
    # Who quotes pays for the one, who follows a document up for the other, and each has a promise of its own.
    nearly = module.FURTHER * ALPHAS["benign"]
    losses = {
        "hide_probed": below(1.0, 0.5),
        "hide_for_client": lambda p: 0.5 if p < 0.01 else 0.9 * nearly if p < 0.1 else 0.0,
        "echo_filter": lambda _: 0.0,
    }
    strong, mildest = best_settings(ALL, *set_up(monkeypatch, losses, {"mba": lambda p: p, "jamming": None}), ALPHAS)
    assert strong == {
        "client": min(rate for rate in RATES if rate >= 1.0),
        "history": min(rate for rate in RATES if rate >= 0.01),
        "corpus": RATES[0],
    }
    assert mildest == dict.fromkeys(("client", "history", "corpus"), RATES[-1])
    assert list(strong) == list(mildest) == ["client", "history", "corpus"]  # in files, whatever a set's order is


def test_what_judges_the_past_goes_no_further_where_that_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(0.1, 0.5), "hide_for_client": below(0.1, 0.002), "echo_filter": lambda _: 0.0}
    for setting in best_settings(ALL, *set_up(monkeypatch, losses, {"mba": lambda p: p, "jamming": None}), ALPHAS):
        assert setting["history"] >= 0.1


def test_a_clients_defenses_are_served_together(monkeypatch: pytest.MonkeyPatch) -> None:
    # What one of them hides already is nothing for the other to be paid for.
    seen: list[set[str]] = []

    def harm(staged: Any, calibration: Calibration, settings: Sequence[Mapping[Any, float]]) -> np.ndarray:
        seen.append({option.name for option in calibration.options})
        assert all(setting.keys() == {option.origin for option in calibration.options} for setting in settings)
        return np.zeros(len(settings))

    benign, attacked = set_up(monkeypatch, dict.fromkeys(NAMES, lambda _: 0.0), {})
    monkeypatch.setattr(module, "harm_by_setting", harm)
    best_settings(ALL, benign, attacked, ALPHAS)
    assert seen == [{"hide_probed", "hide_for_client"}, {"echo_filter"}]


def test_attacks_that_look_less_likely_than_the_generated_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # At these prices clients' defenses stop a little more of what was generated; a step further the corpus' are all.
    losses = {"hide_probed": below(0.1, 0.008), "echo_filter": below(0.1, 0.008)}
    harms = {"mba": below(0.1, 0.45, 0.6), "jamming": lambda p: 0.5 if p < 0.1 else 0.6 if p < 0.15 else 1.0}
    for quieter, origin in ((1.0, "client"), (8.0, "corpus")):
        monkeypatch.setattr(module, "QUIETER", dict.fromkeys(module.QUIETER, quieter))
        _, first, *_ = best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
        assert [name for name, rate in first.items() if rate < 0.1] == [origin]


def test_quieter_ones_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATES", (1.0, 2.0, 4.0, 8.0))
    # Three prices each, the last one standing for all beyond.
    assert module._of_quieter_ones(np.array([0.0, 0.3, 0.6, 0.9]), 4.0).tolist() == pytest.approx([0.3, 0.6, 0.8, 0.9])


def test_nothing_that_costs_is_bought_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(1.0, 0.001), "echo_filter": below(1.0, 0.001)}
    harms = {"mba": below(1.0, 1.0 - module.NOTHING / 10.0, 1.0), "jamming": None}
    free = min(rate for rate in RATES if rate >= 1.0)
    found = best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
    assert found == [{"client": free, "corpus": free}, MILDEST]


def test_of_settings_that_buy_and_cost_the_same_the_strongest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": below(0.01, 0.004), "echo_filter": lambda _: 0.0}
    harms = {"mba": below(1.0, 0.0, 1.0), "jamming": below(10.0, 0.0, 1.0)}
    found = best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)[0]
    assert found == {"client": min(r for r in RATES if r >= 0.01), "corpus": RATES[0]}


def test_where_every_setting_costs_too_much_the_mildest_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"hide_probed": lambda _: 0.5, "echo_filter": lambda _: 0.0}
    harms = {"mba": lambda _: 0.0, "jamming": lambda _: 0.0}
    assert best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS) == [MILDEST]


def test_settings_that_trade_one_price_for_the_other_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # The last of what clients' defenses buy costs little more than corpus defenses that buy less: at the next bound the
    # corpus' are worth their cost again, and the best setting goes back in the other price.
    losses = {
        "hide_probed": lambda p: 0.009 if p < 0.1 else 0.004 if p < 1.0 else 0.0,
        "echo_filter": lambda p: 0.006 if p < 0.1 else 0.003 if p < 1.0 else 0.0,
    }
    harms = {
        "mba": lambda p: 0.0 if p < 0.1 else 0.5 if p < 1.0 else 1.0,
        "jamming": lambda p: 0.3 if p < 0.1 else 0.8 if p < 1.0 else 1.0,
    }
    found = best_settings(BOTH, *set_up(monkeypatch, losses, harms), ALPHAS)
    assert len(found) > 3
    assert found[-1] == MILDEST
    for strong, mild in pairwise(found):
        assert all(strong[origin] <= mild[origin] for origin in mild)


def test_between_two_settings_lie_their_steps() -> None:
    def at(client: int, corpus: int) -> dict[Any, float]:
        return {"client": RATES[client], "corpus": RATES[corpus]}

    found = in_steps([at(3, 8), at(3, 5), at(5, 9), at(9, 9)])
    # The first two differ in opposite ways: neither is on the other's way to doing nothing.
    assert found == [at(3, 8), at(3, 5), at(3, 6), at(4, 7), at(5, 8), at(5, 9), at(6, 9), at(7, 9), at(8, 9), at(9, 9)]
    assert in_steps([MILDEST]) == [MILDEST]
    assert in_steps([{}]) == [{}]


@given(st.lists(st.tuples(st.integers(0, len(RATES) - 1), st.integers(0, len(RATES) - 1)), min_size=1, max_size=6))
def test_steps_keep_what_they_lie_between_and_never_grow_stronger(places: list[tuple[int, int]]) -> None:
    settings: list[Any] = [{"client": RATES[a], "corpus": RATES[b]} for a, b in places]
    found = in_steps(settings)
    rest = iter(found)
    assert all(setting in rest for setting in settings)
    if all(x["client"] <= y["client"] and x["corpus"] <= y["corpus"] for x, y in pairwise(settings)):
        assert all(x["client"] <= y["client"] and x["corpus"] <= y["corpus"] for x, y in pairwise(found))
        assert all(RATES.index(y[o]) - RATES.index(x[o]) <= 1 for x, y in pairwise(found) for o in x)


def test_an_origin_without_options_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    benign, attacked = set_up(monkeypatch, {"echo_filter": lambda _: 0.0}, {"jamming": lambda _: 0.0})
    found = best_settings(Calibration(options=(CORPUS,)), benign, attacked[1:], ALPHAS)
    assert found == [{"corpus": RATES[0]}, {"corpus": RATES[-1]}]
    assert best_settings(Calibration(), benign, [], ALPHAS) == [{}]


# What is served


def test_harm_is_what_the_chosen_defenses_leave_and_take(data: Dataset) -> None:
    found = staged(data, Traffic.of(data, "poisonedrag", 0))
    calibration = Calibration(
        options=(Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.0}}, cost=((0.5, 1.0),)),)
    )
    settings: list[Any] = [{"corpus": 0.0}, {"corpus": 1e9}]
    harm = harm_by_setting(found, calibration, settings)
    assert harm is not None
    assert harm.tolist() == [0.0, 1.0]  # always on, and never
    chosen = [plans_under(found, policy_at(calibration, setting)) for setting in settings]
    assert all(plan == ((("echo_filter", "[]"),),) for plan in chosen[0])
    assert not any(any(plan) for plan in chosen[1])


def test_an_attack_without_success_does_no_harm_that_could_be_weighed(data: Dataset) -> None:
    traffic = Traffic.of(data, "poisonedrag", 0)
    unplanted = staged(data, Traffic(traffic.data, traffic.attack, traffic.sessions, ()))
    assert harm_by_setting(unplanted, BOTH, [{"corpus": 0.0, "client": 0.0}]) is None
