"""The losses that TRL does not have: values by hand, gradients against the papers' softmax weights, limits."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from defenses.training.losses import (
    effective_sample_size,
    preference_loss,
    preference_probability,
    simpo_loss,
    tilt_weights,
    tilted_risk,
)

NUMBERS = st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=7).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)


def gradient(values, function):
    leaf = values.clone().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf)[0]


def test_values_by_hand():
    softplus = math.log1p(math.exp(-1.0))  # -log s(1)
    assert preference_loss(torch.zeros(1), 0.1).item() == pytest.approx(math.log(2.0))
    assert preference_loss(torch.tensor([2.0]), 0.5).item() == pytest.approx(softplus)
    assert preference_loss(torch.tensor([2.0]), 0.5, 0.75).item() == pytest.approx(softplus + 0.25)
    assert simpo_loss(torch.tensor([-1.0]), torch.tensor([-2.0]), 2.0, 1.0).item() == pytest.approx(softplus)
    scores = preference_probability(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), scale=math.log(3.0))
    assert scores.tolist() == pytest.approx([0.75, 0.25])


def test_dr_dpo_by_hand():
    losses = torch.tensor([0.0, math.log(3.0)], dtype=torch.float64)
    assert tilted_risk(losses, -1.0).item() == pytest.approx(-math.log(2 / 3))  # mean of 1 and 1/3
    assert gradient(losses, lambda v: tilted_risk(v, -1.0)).tolist() == pytest.approx([0.75, 0.25])


@given(NUMBERS, st.floats(0.0, 1.0))
def test_a_pair_told_the_other_way_round_costs_the_same(margins, target):
    there, back = preference_loss(margins, 0.3, target), preference_loss(-margins, 0.3, 1.0 - target)
    assert torch.allclose(there, back)


@given(NUMBERS, st.floats(0.05, 0.95))
def test_a_soft_label_is_matched_at_its_logit(margins, target):
    slope = gradient(margins, lambda h: preference_loss(h, 0.5, target).sum())
    assert torch.allclose(slope, 0.5 * (torch.sigmoid(0.5 * margins) - target))


@given(NUMBERS, st.floats(-3, 3).filter(lambda t: t == 0 or abs(t) > 0.01))
def test_the_gradient_of_a_tilted_risk_is_its_softmax_weights(values, tilt):
    def plain(v):
        return v.mean() if tilt == 0 else (torch.logsumexp(tilt * v, 0) - math.log(len(v))) / tilt

    assert torch.allclose(tilted_risk(values, tilt), plain(values))
    found = gradient(values, lambda v: tilted_risk(v, tilt))
    assert torch.allclose(found, gradient(values, plain))
    assert torch.allclose(found, torch.softmax(tilt * values, 0))


@given(NUMBERS)
def test_dr_dpo_of_infinite_weight_is_the_mean(losses):
    uniform = torch.full_like(losses, 1 / len(losses))
    for weight in (1e5, math.inf):
        assert torch.allclose(tilted_risk(losses, -1.0 / weight), losses.mean(), atol=1e-3)
        assert torch.allclose(gradient(losses, lambda v, w=weight: tilted_risk(v, -1.0 / w)), uniform, atol=1e-3)


@given(NUMBERS, st.floats(-2, 2), st.integers(1, 4))
def test_parts_normalised_over_the_whole_add_up_to_it(values, tilt, copies):
    whole = gradient(values, lambda v: tilted_risk(v, tilt))
    pieces = [piece for piece in values.tensor_split(copies) if len(piece)]
    parts = [gradient(piece, lambda v: tilted_risk(v, tilt, values, copies)) for piece in pieces]
    assert torch.allclose(torch.cat(parts) / copies, whole)
    assert all(torch.allclose(tilted_risk(piece, tilt, values, copies), tilted_risk(values, tilt)) for piece in pieces)


def test_a_clamp_bounds_a_weight_and_keeps_its_sample():
    values = torch.tensor([0.0, 100.0], dtype=torch.float64)
    assert tilt_weights(values, 1.0).tolist() == pytest.approx([0.0, 1.0])
    kept = gradient(values, lambda v: tilted_risk(v, 1.0, clamp=math.log(3.0) / 2))
    assert kept.tolist() == pytest.approx([0.25, 0.75])
    apart = torch.tensor([1000.0, 1001.0], dtype=torch.float64)
    assert tilt_weights(apart, 2.0, clamp=20.0).tolist() == pytest.approx(torch.softmax(2 * apart, 0).tolist())
    assert effective_sample_size(torch.tensor([0.25, 0.75])) == pytest.approx(1.6)
    assert effective_sample_size(tilt_weights(values, 0.0)) == pytest.approx(2.0)


def test_extreme_values_stay_finite():
    values = torch.tensor([-1e4, 0.0, 1e4], requires_grad=True)
    for tilt in (-2.0, 0.5, 3.0):
        risk = tilted_risk(values, tilt)
        assert risk.isfinite()
        assert torch.autograd.grad(risk, values)[0].isfinite().all()


def test_simpo_is_that_of_trl():
    pytest.importorskip("trl")
    from trl.experimental.cpo import CPOTrainer

    chosen, rejected = torch.tensor([-1.0, -3.0, -0.2]), torch.tensor([-2.0, -1.0, -0.9])
    settings = SimpleNamespace(
        alpha=0.0, beta=2.5, loss_type="simpo", simpo_gamma=0.7, label_smoothing=0.0,
        accelerator=SimpleNamespace(device="cpu"),
    )  # fmt: skip
    theirs, _, _ = CPOTrainer.cpo_loss(settings, chosen, rejected)
    assert torch.allclose(simpo_loss(chosen, rejected, 2.5, 0.7), theirs)
