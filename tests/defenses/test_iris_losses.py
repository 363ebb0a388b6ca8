"""The Renyi-tilted objective: its weights, its limit at alpha = 1, its minimiser, and a published counter-example."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from defenses.training.losses import iris_loss, tilted_risk

ALPHAS = (0.5, 1.0, 2.0)
RATIOS = st.lists(st.floats(-4, 4, width=32), min_size=2, max_size=6).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)


@given(RATIOS, RATIOS, st.sampled_from([0.25, 0.5, 1.0, 1.0001, 2.0, 3.0]))
def test_gradients_are_the_softmax_weights(real, synthetic, alpha):
    a, b = real.clone().requires_grad_(), synthetic.clone().requires_grad_()
    by_real, by_synthetic = torch.autograd.grad(iris_loss(a, b, alpha), [a, b])
    assert torch.allclose(by_real, -torch.softmax((alpha - 1.0) * real, 0))
    assert torch.allclose(by_synthetic, torch.softmax(alpha * synthetic, 0))


@given(RATIOS, RATIOS)
def test_order_one_is_donsker_and_varadhan(real, synthetic):
    limit = -real.mean() + torch.logsumexp(synthetic, 0) - math.log(len(synthetic))
    for alpha in (1.0 - 1e-5, 1.0 - 1e-7, 1.0, 1.0 + 1e-7, 1.0 + 1e-5):
        assert torch.allclose(iris_loss(real, synthetic, alpha), limit, atol=1e-3)


@given(RATIOS, RATIOS, st.floats(-3, 3), st.sampled_from(ALPHAS))
def test_only_ratios_against_each_other_count(real, synthetic, shift, alpha):
    assert torch.allclose(iris_loss(real + shift, synthetic + shift, alpha), iris_loss(real, synthetic, alpha))


def test_values_by_hand():
    real, synthetic = torch.tensor([0.0, math.log(4.0)]), torch.tensor([math.log(3.0), 0.0])
    # alpha = 2: -log((1 + 4) / 2) + log((9 + 1) / 2) / 2; alpha = 1/2: 2 log((1 + 1/2) / 2) + 2 log((sqrt 3 + 1) / 2)
    assert iris_loss(real, synthetic, 2.0).item() == pytest.approx(-math.log(2.5) + 0.5 * math.log(5.0))
    half = 2 * math.log(0.75) + 2 * math.log((math.sqrt(3.0) + 1) / 2)
    assert iris_loss(real, synthetic, 0.5).item() == pytest.approx(half)


def test_the_two_expectations_are_those_of_the_published_counter_example():
    ratio = torch.log(torch.tensor([0.9, 0.1], dtype=torch.float64) / 0.5)
    a, b = (math.exp((alpha - 1) * float(tilted_risk(ratio, alpha - 1))) for alpha in (0.5, 0.0))
    assert a == pytest.approx(1.4907, abs=5e-5)
    assert math.exp(0.5 * float(tilted_risk(ratio, 0.5))) == pytest.approx(0.8944, abs=5e-5)
    assert b == pytest.approx(float(torch.exp(-ratio).mean()))


def minimiser(alpha, beta, data, old):
    """Of the exact objective over a categorical: responses counted in proportion, so that means are expectations."""
    repeats = 200
    real = torch.repeat_interleave(torch.arange(len(data)), (data * repeats).round().long())
    synthetic = torch.repeat_interleave(torch.arange(len(old)), (old * repeats).round().long())
    logits = torch.zeros(len(data), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=400, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def step():
        optimiser.zero_grad()
        r = beta * (torch.log_softmax(logits, 0) - old.log())
        loss = iris_loss(r[real], r[synthetic], alpha)
        loss.backward()
        return loss

    optimiser.step(step)
    loss = step()
    return torch.softmax(logits.detach(), 0), -float(loss)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_minimiser_is_the_data(alpha):
    data = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    old = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    found, _ = minimiser(alpha, 1.0, data, old)
    assert torch.allclose(found, data, atol=1e-5)
    same, least = minimiser(alpha, 1.0, old, old)
    assert torch.allclose(same, old, atol=1e-5)
    assert least == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_least_value_is_the_divergence(alpha):
    data = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    old = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    _, value = minimiser(alpha, 1.0, data, old)
    if alpha == 1.0:
        divergence = float((data * (data / old).log()).sum())
    else:
        divergence = math.log(float((data**alpha * old ** (1 - alpha)).sum())) / (alpha - 1) / alpha
    assert value == pytest.approx(divergence, abs=1e-6)


def test_a_smaller_beta_goes_beyond_the_data():
    data = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    old = torch.tensor([0.25, 0.25, 0.25, 0.25], dtype=torch.float64)
    found, _ = minimiser(1.0, 0.5, data, old)
    beyond = old * (data / old) ** 2
    assert torch.allclose(found, beyond / beyond.sum(), atol=1e-5)
