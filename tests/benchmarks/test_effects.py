"""What a defense leaves of an attack, what it takes from its victims, and which sessions it stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.alone import OnlyPolicy
from benchmarks.calibrate import CANDIDATES
from benchmarks.data import Dataset
from benchmarks.effects import Effect, as_text, effects, outcomes, toll
from benchmarks.readings import Traffic
from defenses import build
from defenses.context.cluster_filter import ClusterFilter
from defenses.context.echo_filter import EchoFilter
from strategist.calibration import Outcome
from tests.benchmarks.staging import staged

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")]


def test_candidates_can_be_built_and_no_two_are_the_same() -> None:
    for name, parameters in CANDIDATES:
        build(name, parameters)
    assert len({as_text(*candidate) for candidate in CANDIDATES}) == len(CANDIDATES)
    assert as_text("hide_probed", {"run": 12, "share": 0.5}) == "hide_probed run=12 share=0.5"
    assert as_text("echo_filter", {}) == "echo_filter"


# What is left


def test_residuals_are_shares_of_what_no_defense_leaves(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = staged(data, Traffic.of(data, "poisonedrag", 0))
    echo, hide = effects(found, [("echo_filter", {}), ("hide_probed", {})])
    assert echo.residual == 0.0  # every planted text repeats its question
    assert echo.stopped is not None
    assert all(echo.stopped)
    assert len(echo.stopped) == len(found.requests)
    assert hide == Effect(None, None, None)  # membership is another threat, and has no victims
    monkeypatch.setattr(EchoFilter, "select", lambda *_: 1 / 0)
    (failing,) = effects(found, [("echo_filter", {})])
    assert failing.residual == 1.0  # a defense that never works leaves the attack as it is
    assert failing.stopped is not None
    assert not any(failing.stopped)


@pytest.mark.parametrize("attack", ["mba", "poisonedrag", "poison-unprefixed"])
def test_effects_are_shares(attack: str, data: Dataset) -> None:
    found = effects(staged(data, Traffic.of(data, attack, 0)), CANDIDATES)
    assert any(effect.residual is not None for effect in found)
    assert all(0.0 <= share <= 1.0 for effect in found for share in effect[:2] if share is not None)
    assert any(effect.toll is not None for effect in found) == (attack != "mba")
    assert any(effect.stopped for effect in found) == (attack != "mba")


def test_an_attack_without_success_leaves_nothing_to_stop(data: Dataset) -> None:
    unplanted = staged(data, replace(Traffic.of(data, "poisonedrag", 0), planted=()))
    (found,) = effects(unplanted, [("echo_filter", {})])
    assert found == Effect(None, 0.0, None)


def test_a_filter_takes_its_toll_of_attacks_that_it_is_not_for(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    injected = staged(data, Traffic.of(data, "pia", 0))
    (found,) = effects(injected, [("cluster_filter", {})])
    assert found.residual is None
    assert found.toll == 0.0
    monkeypatch.setattr(ClusterFilter, "select", lambda self, evidence, *_: ())
    (greedy,) = effects(injected, [("cluster_filter", {})])
    assert greedy.toll == 1.0


# What is taken


def test_what_an_attack_pushes_out_is_not_what_a_defense_takes(data: Dataset) -> None:
    found = staged(data, Traffic.of(data, "poisonedrag", 0))
    undefended = found.samples(OnlyPolicy())
    assert all(sample.served for sample in undefended)
    assert toll(found, undefended) == 0.0
    gone = [replace(sample, served=tuple(() for _ in sample.served)) for sample in undefended]
    assert toll(found, gone) == 1.0  # everything that could have been served
    planted = [sorted(found.world.planted)[:1] for _ in undefended]
    kept = [replace(sample, served=(tuple(ids),)) for sample, ids in zip(undefended, planted, strict=True)]
    assert toll(found, kept) < 1.0  # beside planted documents only what these had left
    failed = [replace(sample, error="defend: broken") for sample in undefended]
    assert toll(found, failed) == 1.0


# Together


def test_sessions_that_fare_alike_are_one_group() -> None:
    found = [
        Effect(0.5, 0.0, (True, True, False, False)),
        Effect(None, None, None),
        Effect(0.5, 0.0, (True, True, True, False)),
    ]
    assert outcomes(found, [1.0, 1.0, 0.8]) == (
        Outcome(share=0.25),
        Outcome(share=0.5, left={0: 0.0, 2: 0.2}),
        Outcome(share=0.25, left={2: 0.2}),
    )
    assert outcomes([Effect(None, 0.1, None)], [1.0]) == ()
    assert outcomes([], []) == ()
