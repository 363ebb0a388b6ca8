"""What defenses take from benign users: by session, by request, by how threatening it looks, and by price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Ask, Session
from benchmarks.calibrate import ALPHAS
from benchmarks.data import Dataset
from benchmarks.losses import (
    PRIOR,
    PRIOR_COST,
    UNKNOWN,
    cost_curve,
    looking,
    losses_by_setting,
    request_losses,
    session_losses,
    shares_by_look,
)
from benchmarks.readings import Traffic
from benchmarks.samples import Sample
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option
from strategist.policies.adaptive import AdaptivePolicy
from tests.benchmarks.datasets import question
from tests.benchmarks.staging import staged

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")]
KINDS = ("benign", "benign-drilldown", "benign-hard")


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


# What defenses cost


def test_how_a_request_looks_is_what_the_policy_reads() -> None:
    probabilities = {Threat.MEMBERSHIP: 0.2, Threat.POISONING: 0.001}
    assert looking(probabilities, [Threat.MEMBERSHIP, Threat.POISONING]) == 0.2
    assert looking(probabilities, [Threat.POISONING]) == 0.001
    assert looking(probabilities, [Threat.POISONING, Threat.JAMMING]) == UNKNOWN
    assert looking(probabilities, []) == UNKNOWN


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


# By setting


def test_losses_by_setting_are_those_of_serving_at_every_setting(data: Dataset) -> None:
    traffic = Traffic.of(data, "benign", 0)
    echoing = replace(traffic, data=replace(data, passages=tuple(
        replace(p, text=f"{question(i)} {p.text}") if i < 4 else p for i, p in enumerate(data.passages)
    )))  # fmt: skip
    found = staged(echoing.data, echoing)
    known = Calibration(
        options=(Option(name="echo_filter", residual={Threat.POISONING: {"x": 0.0}}, cost=((0.5, 0.2),)),), price=None
    )
    settings: list[Any] = [{"corpus": price, "client": 0.5} for price in (0.0, 0.05, 1e6)]
    losses = losses_by_setting(found, known, settings)
    for column, setting in enumerate(settings):
        policy = AdaptivePolicy(calibration=known, price=setting["corpus"])
        assert losses[:, column].tolist() == session_losses(found, found.samples(policy))
    assert losses[:, 0].max() > 0.0
    assert not losses[:, -1].any()


def test_what_is_given_up_at_one_setting_is_not_taken_for_given_up_at_another(data: Dataset) -> None:
    """Where two filters are planned alike and the first has dropped something, not every price still has the second."""
    traffic = Traffic.of(data, "benign", 0)
    echoing = replace(traffic, data=replace(data, passages=tuple(
        replace(p, text=f"{question(i)} {p.text}") if i < 4 else p for i, p in enumerate(data.passages)
    )))  # fmt: skip
    alone = [Session(f"{s.id}-{n}", (Ask(ask.query),)) for s in traffic.sessions for n, ask in enumerate(s.asks)]
    found = staged(echoing.data, replace(echoing, sessions=alone))
    stopped = {Threat.POISONING: {"x": 0.0, "y": 1.0}}
    known = Calibration(
        options=(
            Option(name="echo_filter", residual=stopped),
            Option(name="suspicion_filter", parameters={"threshold": 0.0},
                   residual={Threat.POISONING: {"x": 1.0, "y": 0.0}}, cost=((0.001, 0.002), (0.9, 0.9))),
        ),
        price=None,
    )  # fmt: skip
    settings: list[Any] = [{"corpus": 2.0 ** (step / 4) / 1e5, "client": 0.5} for step in range(28, 48)]
    losses = losses_by_setting(found, known, settings)
    for column, setting in enumerate(settings):
        policy = AdaptivePolicy(calibration=known, price=setting["corpus"])
        assert losses[:, column].tolist() == session_losses(found, found.samples(policy))
    assert len({tuple(column) for column in losses.T}) > 1


def test_attacks_are_told_by_how_threatening_they_look() -> None:
    loud, quiet = [0.9] * 30, [0.01] * 60  # as much weight each, however many requests
    found = shares_by_look({"loud": loud, "quiet": quiet, "never": []})
    assert found.keys() == {"loud", "quiet"}
    (low, share_low), (high, share_high) = found["loud"]
    assert (low, high) == pytest.approx((0.01, 0.9))
    # Each level has the weight 1 of its attack, and 0.05 more of either: 0.05 / 1.1 and 1.05 / 1.1.
    assert (share_low, share_high) == pytest.approx((0.05 / 1.1, 1.05 / 1.1), abs=1e-3)
    assert [share for _, share in found["quiet"]] == pytest.approx([1.05 / 1.1, 0.05 / 1.1], abs=1e-3)


def test_one_attack_is_always_that_one_and_none_is_nothing() -> None:
    assert all(share == 1.0 for _, share in shares_by_look({"only": [0.1, 0.2, 0.3, 0.9]})["only"])
    assert shares_by_look({}) == {}
    assert shares_by_look({"never": []}) == {}


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), min_size=1
    )
)
def test_shares_are_shares_at_rising_places(looks: dict[str, list[float]]) -> None:
    found = shares_by_look(looks)
    places = [[p for p, _ in points] for points in found.values()]
    assert all(at == places[0] and at == sorted(set(at)) for at in places)
    for column in zip(*(points for points in found.values()), strict=True):
        assert sum(share for _, share in column) == pytest.approx(1.0, abs=1e-3)
        assert all(0.0 < p < 1.0 for p, _ in column)
