"""Calibrating: what sessions lose, what defenses leave and cost, which price keeps the promises; what is not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import calibrate as module
from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Ask, Session
from benchmarks.calibrate import (
    ALPHAS,
    CANDIDATES,
    PRICES,
    PRIOR,
    PRIOR_COST,
    Losses,
    as_text,
    calibrate,
    choose,
    cost_curve,
    looking,
    losses_by_price,
    request_losses,
    residuals,
    session_losses,
)
from benchmarks.data import Dataset, MembershipTarget, PoisonTarget, load
from benchmarks.readings import Traffic
from benchmarks.samples import Sample
from benchmarks.staged import Staged, stage
from benchmarks.world import KnownEmbeddings, build_world
from defenses import build
from defenses.context.echo_filter import EchoFilter
from sentinel.errors import DataError
from sentinel.models import shipped_models
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option, shipped_calibration
from strategist.conformal import held
from tests.benchmarks.datasets import BagOfWords, files, gold, question, write

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
KINDS = ("benign", "benign-drilldown", "benign-hard")


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 5)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data", files(24, 10, 3, 3), gold(10, 24)))


def staged(data: Dataset, traffic: Traffic) -> Staged:
    world = build_world(data, traffic.planted, KnownEmbeddings(BagOfWords(), [], []), 0)
    return Staged.of(traffic, world, 0, shipped_models())


# What sessions lose


@dataclass
class Asked:
    """Staged sessions of which only the answers are known: `base` by query, of what each asker needs."""

    sessions: Sequence[Session]
    base: dict[str, list[str]]
    k: int = 4

    def __post_init__(self) -> None:
        self.traffic = SimpleNamespace(sessions=self.sessions)
        self.requests = [[SimpleNamespace(query=a.query, k=self.k) for a in s.asks] for s in self.sessions]

    def undefended(self, request: Any) -> list[str]:
        return self.base[request.query]


def lost(asks: Sequence[tuple[set[str], list[str], list[str]]], error: str | None = None) -> tuple[float, list[float]]:
    """Loss of one session, and of its requests: needed, served by the base, served."""
    session = Session("s", tuple(Ask(f"q{i}", frozenset(needed)) for i, (needed, _, _) in enumerate(asks)))
    made: Any = Asked([session], {f"q{i}": base for i, (_, base, _) in enumerate(asks)})
    sample = Sample("p", "benign", "s", None, None, None, {}, tuple(tuple(s) for _, _, s in asks), error=error)
    (whole,) = session_losses(made, [sample])
    return whole, request_losses(made, [sample])


def test_with_gold_the_relative_recall_is_lost() -> None:
    base = ["a", "b", "c", "d"]
    assert lost([({"a"}, base, base)]) == (0.0, [0.0])
    assert lost([({"a"}, base, ["b", "c", "d", "e"])]) == (1.0, [1.0])
    assert lost([({"a", "b"}, base, ["b", "c", "d", "e"])]) == (0.5, [0.5])
    # Recalls of 1 and 1/2 before, of 1 and 0 after: 1.5 became 1.
    found = lost([({"a"}, base, base), ({"b", "x"}, base, ["a", "c", "d", "e"])])
    assert found == (pytest.approx(1 / 3), [0.0, 1.0])


def test_without_gold_the_share_of_the_list_is_lost() -> None:
    assert lost([(set(), ["a", "b", "c", "d"], ["a", "b", "c", "e"])]) == (0.25, [0.25])
    assert lost([(set(), ["a", "b", "c", "d"], ["d", "c", "b", "a"])]) == (0.0, [0.0])


def test_more_gold_than_places_is_not_held_against_a_defense() -> None:
    whole = {"a", "b", "c", "d", "e", "f"}
    assert lost([(whole, ["a", "b", "c", "d"], ["a", "b", "e", "f"])]) == (0.0, [0.0])


def test_a_session_to_which_nothing_came_has_nothing_to_lose() -> None:
    assert lost([({"z"}, ["a", "b"], ["c"])]) == (0.0, [0.0])
    assert lost([(set(), [], [])]) == (0.0, [0.0])
    # Nor gains it anything: a defense that finds the gold later makes up for nothing.
    assert lost([({"z"}, ["a", "b"], ["z"])]) == (0.0, [0.0])
    assert lost([({"a", "z"}, ["a", "b"], ["a", "z"])]) == (0.0, [0.0])


def test_an_error_loses_everything() -> None:
    assert lost([({"a"}, ["a", "b"], ["a", "b"])], error="echo_filter: broken") == (1.0, [1.0])


def test_some_sessions_are_reckoned_as_among_all(data: Dataset) -> None:
    whole = staged(data, Traffic.of(data, "benign", 0))
    policy = OnlyPolicy(defenses=("hide_top_match",))
    losses = session_losses(whole, whole.samples(policy))
    assert any(losses)
    assert session_losses(whole, whole.samples(policy, [1]), [1]) == [losses[1]]
    assert session_losses(whole, whole.samples(OnlyPolicy(), None, senses=False)) == [0.0] * len(losses)


# What defenses leave


def test_candidates_can_be_built_and_no_two_are_the_same() -> None:
    for name, parameters in CANDIDATES:
        build(name, parameters)
    assert len({as_text(candidate) for candidate in CANDIDATES}) == len(CANDIDATES)
    assert as_text(("hide_probed", {"run": 12, "share": 0.5})) == "hide_probed run=12 share=0.5"
    assert as_text(Option(name="echo_filter")) == "echo_filter"


def test_residuals_are_shares_of_what_no_defense_leaves(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = staged(data, Traffic.of(data, "poisonedrag", 0))
    candidates = [("echo_filter", {}), ("hide_probed", {}), ("gibberish_filter", {"share": 1.0})]
    left = residuals(found, [c for c in candidates if c[0] != "gibberish_filter"])
    assert left == [0.0, None]  # every planted text repeats its question; membership is another threat
    monkeypatch.setattr(EchoFilter, "select", lambda *_: 1 / 0)
    assert residuals(found, [("echo_filter", {})]) == [1.0]  # a defense that never works leaves the attack as it is


@pytest.mark.parametrize("attack", ["mba", "poisonedrag", "poison-unprefixed"])
def test_residuals_lie_between_0_and_1(attack: str, data: Dataset) -> None:
    found = residuals(staged(data, Traffic.of(data, attack, 0)), CANDIDATES)
    assert any(share is not None for share in found)
    assert all(0.0 <= share <= 1.0 for share in found if share is not None)


def test_an_attack_without_success_says_nothing(data: Dataset) -> None:
    traffic = Traffic.of(data, "poisonedrag", 0)
    unplanted = staged(data, replace(traffic, planted=()))
    assert residuals(unplanted, [("echo_filter", {})]) == [None]


# What they cost


def test_how_a_request_looks_is_what_the_policy_reads() -> None:
    probabilities = {Threat.MEMBERSHIP: 0.2, Threat.POISONING: 0.001}
    assert looking(probabilities, [Threat.MEMBERSHIP, Threat.POISONING]) == 0.2
    assert looking(probabilities, [Threat.POISONING]) == 0.001
    assert looking(probabilities, [Threat.POISONING, Threat.JAMMING]) == module.UNKNOWN
    assert looking(probabilities, []) == module.UNKNOWN


def test_a_cost_by_hand() -> None:
    # Ten requests of one kind, all weighing alike; two levels, isotonic already.
    looks, gone = {"benign": [0.1] * 5 + [0.9] * 5}, {"benign": [0.0] * 5 + [1.0] * 5}
    spread = PRIOR * PRIOR_COST / (10 + PRIOR)
    expected = ((0.1, round(spread, 5)), (0.9, round(10 / (10 + PRIOR) + spread, 5)))
    assert cost_curve(looks, gone, ALPHAS) == expected


def test_a_cost_that_would_fall_is_level() -> None:
    gone = {"benign": [1.0, 0.0, 0.0, 1.0]}
    curve = cost_curve({"benign": [0.1, 0.2, 0.3, 0.9]}, gone, ALPHAS)
    assert [p for p, _ in curve] == [0.1, 0.3, 0.9]
    first, level, last = (cost for _, cost in curve)
    assert first == level < last


def test_losses_count_in_proportion_to_the_strictest_promise() -> None:
    alphas = {"benign": 0.01, "benign-hard": 0.04}
    strict = cost_curve({"benign": [0.5], "benign-hard": []}, {"benign": [1.0], "benign-hard": []}, alphas)
    both = cost_curve({"benign": [], "benign-hard": [0.5]}, {"benign": [], "benign-hard": [1.0]}, alphas)
    assert strict == both  # alone, each is the strictest
    mixed = cost_curve({"benign": [0.1], "benign-hard": [0.9]}, {"benign": [0.0], "benign-hard": [1.0]}, alphas)
    size = 1.0 / ((0.6 / 0.7) ** 2 + (0.1 / 0.7) ** 2)
    assert mixed[-1][1] == pytest.approx((0.25 * size + PRIOR * PRIOR_COST) / (size + PRIOR), abs=1e-5)


def test_nothing_measured_costs_nothing() -> None:
    assert cost_curve({}, {}, ALPHAS) == ()


_PLACES = st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.01, 0.5, 1.0])
_TRAFFIC = st.lists(st.tuples(_PLACES, st.floats(0.0, 1.0)), max_size=12)


@given(st.fixed_dictionaries(dict.fromkeys(KINDS, _TRAFFIC)))
def test_a_cost_never_falls_and_fits_the_artefact(measured: dict[str, list[tuple[float, float]]]) -> None:
    looks = {kind: [p for p, _ in pairs] for kind, pairs in measured.items()}
    gone = {kind: [loss for _, loss in pairs] for kind, pairs in measured.items()}
    curve = cost_curve(looks, gone, ALPHAS)
    costs = [cost for _, cost in curve]
    assert costs == sorted(costs)
    assert bool(curve) is any(measured.values())
    assert Option(name="echo_filter", cost=curve).cost == curve
    assert all(cost > 0.0 for cost in costs)  # the prior: nothing is free for want of sessions


# Which price


def table(*columns: Sequence[float]) -> np.ndarray:
    return np.array(columns, dtype=np.float64).T


def test_the_stricter_promise_wins() -> None:
    lax = Losses("benign-hard", table([0.0] * 99, [0.0] * 99, [0.0] * 99))
    half = [1.0] * 5 + [0.0] * 94  # (5 + 1) / 100
    strict = Losses("benign", table(half, [0.0] * 99, [0.0] * 99))
    alphas = {"benign": 0.05, "benign-hard": 0.05}
    assert choose([lax], alphas, strict=True)[0] == 0
    for order in ([lax, strict], [strict, lax]):
        found, promises = choose(order, alphas, strict=True)
        assert found == 1
        assert promises.keys() == {"benign", "benign-hard"}
        assert promises["benign"].model_dump() == {"alpha": 0.05, "sessions": 99, "loss": 0.0}
    assert choose([lax, strict], {**alphas, "benign": 0.06}, strict=True)[0] == 0


def test_a_promise_that_no_price_keeps() -> None:
    found, promises = choose(
        [Losses("benign", np.ones((99, 3))), Losses("benign-hard", np.zeros((99, 3)))], ALPHAS, strict=True
    )
    assert found is None
    assert {promise.loss for promise in promises.values()} == {0.0}


def test_too_few_sessions_are_refused_with_what_to_do() -> None:
    few = [Losses("benign", np.zeros((30, 3)))]
    with pytest.raises(DataError, match=r"30 benign sessions.*promise of 0\.01 takes 99.*promise 0\.0323 \(--alpha\)"):
        choose(few, ALPHAS, strict=True)


@pytest.mark.parametrize("sessions", [1, 4, 30, 98])
def test_a_trial_promises_what_few_sessions_can_carry(sessions: int) -> None:
    found, promises = choose([Losses("benign", np.zeros((sessions, 3)))], ALPHAS, strict=False)
    assert found == 0
    alpha = promises["benign"].alpha
    assert 1.0 / (sessions + 1) <= alpha <= 0.5
    assert alpha <= ALPHAS["benign"] + 1.0 / (sessions + 1) + 1e-12


def test_a_kind_without_sessions_promises_nothing() -> None:
    losses = [Losses("benign", np.zeros((99, 2))), Losses("benign-hard", np.zeros((0, 2)))]
    found, promises = choose(losses, ALPHAS, strict=True)
    assert found == 0
    assert promises.keys() == {"benign"}
    assert choose(losses[1:], ALPHAS, strict=True) == (None, {})


def test_losses_by_price_are_those_of_serving_at_every_price(data: Dataset) -> None:
    traffic = Traffic.of(data, "benign", 0)
    echoing = replace(traffic, data=replace(data, passages=tuple(
        replace(p, text=f"{question(i)} {p.text}") if i < 4 else p for i, p in enumerate(data.passages)
    )))  # fmt: skip
    found = staged(echoing.data, echoing)
    known = Calibration(
        options=(Option(name="echo_filter", residual={Threat.POISONING: {"x": 0.0}}, cost=((0.5, 0.2),)),)
    )
    prices = (0.0, 0.05, 1e6)
    losses = losses_by_price(found, known, prices)
    assert losses.kind == "benign"
    for column, price in enumerate(prices):
        policy = module.AdaptivePolicy(calibration=known, price=price)
        assert losses.table[:, column].tolist() == session_losses(found, found.samples(policy))
    assert losses.table[:, 0].max() > 0.0
    assert not losses.table[:, -1].any()


# A whole calibration


FEW = (("hide_probed", {"run": 12, "grams": 10}), ("echo_filter", {}), ("suspicion_filter", {"threshold": 0.5}))


def small() -> Dataset:
    data = load("bundled")
    return replace(data, queries=data.queries[:30], drilldowns=data.drilldowns[:8], hard=data.hard[:12])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CANDIDATES": FEW, "MOST": 5, "MOST_SERIES": 2, "MORE": 1, "PRICES": (0.0, 0.1, 1.0, 10.0)
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    # The machine's speed stands in the artefact, and nothing else that is not the data's.
    monkeypatch.setattr("strategist.flow.time", SimpleNamespace(perf_counter=lambda: 0.0))


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
    assert Calibration.loads(found.dumps()) == found
    with pytest.raises(DataError, match="--alpha"):
        choose([Losses("benign", np.zeros((found.promises["benign"].sessions, 2)))], ALPHAS, strict=True)


def test_data_without_free_passages_cannot_be_calibrated(data: Dataset) -> None:
    with pytest.raises(DataError, match="too few passages"):
        calibrate(replace(data, passages=data.passages[:3]), BagOfWords(), shipped_models(), 0, strict=False)


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


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "alpha"), [("benign", 0.06), ("benign-hard", 0.03), ("benign-drilldown", 0.05)])
def test_the_promise_holds_on_sessions_that_were_not_calibrated_on(kind: str, alpha: float) -> None:
    ((found, _),) = stage(data := load("bundled"), [Traffic.of(data, kind, 0)], BagOfWords(), shipped_models(), 0)
    for known in (shipped_calibration(), HARSH) if kind == "benign" else (HARSH,):
        losses = losses_by_price(found, known, PRICES).table
        assert known is not HARSH or losses.max() > 0.0  # something is at stake
        assert held(losses, alpha, len(losses) // 2, range(200)).mean() <= alpha
