"""Losses on log-ratios as pure functions: what TRL 1.16 does not have, each with the gradient its paper gives."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = 1e-6
"""A tilt smaller than this is the limit 0, where the tilted risk is the mean."""


def preference_loss(margin: Tensor, beta: float, target: Tensor | float = 1.0) -> Tensor:
    """Cross entropy l = -[p log s(beta h) + (1 - p) log s(-beta h)], h the margin of the log-ratios, s the sigmoid.

    p = 1 is DPO (Rafailov et al., 2023), p = 1 - e with a constant e is cDPO (Mitchell, 2023), p from a scorer is
    reward-level ShaPO (arXiv 2602.07340).

    Args:
        margin: h = log-ratio of chosen minus that of rejected, shape (n,).
        beta: Inverse temperature, > 0.
        target: Probability that the chosen response is the better one, in [0, 1], shape (n,) or one number.

    Returns:
        Loss of each pair, shape (n,).
    """
    return -(target * F.logsigmoid(beta * margin) + (1.0 - target) * F.logsigmoid(-beta * margin))


def simpo_loss(chosen: Tensor, rejected: Tensor, beta: float, gamma: float) -> Tensor:
    """SimPO, l = -log s(beta * (chosen - rejected) - gamma) (Meng et al., 2024, equation 6); it has no reference.

    Args:
        chosen: Mean log-probability of a token of the chosen response, shape (n,).
        rejected: The same of the rejected one, shape (n,).
        beta: Inverse temperature, > 0.
        gamma: Target margin, >= 0.

    Returns:
        Loss of each pair, shape (n,).
    """
    return -F.logsigmoid(beta * (chosen - rejected) - gamma)


def preference_probability(chosen: Tensor, rejected: Tensor, scale: float = 1.0) -> Tensor:
    """p* = s(scale * (score of chosen - score of rejected)): the soft label of a pair (ShaPO, reward level).

    Args:
        chosen: Scores of the chosen responses, higher is better, shape (n,). A cost enters with its sign changed.
        rejected: Scores of the rejected responses, shape (n,).
        scale: How sharply a difference of scores decides; the released code's default is 0.5, its commands say 10.

    Returns:
        Probabilities, shape (n,).
    """
    return torch.sigmoid(scale * (chosen - rejected))


def tilt_weights(values: Tensor, tilt: float, clamp: float | None = None) -> Tensor:
    """The weights softmax(tilt * v) with which the gradients of values enter that of their tilted risk.

    Args:
        values: v, shape (n,), of the widest batch at hand.
        tilt: 0 weighs all alike.
        clamp: Bound on |tilt * (v - mean of v)|, or None.

    Returns:
        Weights that sum to 1, shape (n,), without gradient.
    """
    return torch.softmax(exponents(values.detach(), values.detach(), tilt, clamp), dim=0)


def exponents(values: Tensor, pool: Tensor, tilt: float, clamp: float | None) -> Tensor:
    """What a tilt makes of values, t * (v - mean of the pool), clamped.

    Weights do not depend on a common shift, so neither must their bound. Clamped without being centred, ratios that
    have all grown large would be cut to the same exponent, and the tilt would have no effect.

    Args:
        values: v, shape (n,).
        pool: The widest batch that they are part of, shape (N,).
        tilt: Any real number.
        clamp: Bound on the absolute value, or None.

    Returns:
        float64, shape (n,).
    """
    centred = tilt * (values.double() - pool.double().mean())
    return centred if clamp is None else centred.clamp(-clamp, clamp)


def effective_sample_size(weights: Tensor) -> float:
    """1 / sum of w_i^2: how many of the weighted samples count, between 1 and n (Kish, 1965).

    Args:
        weights: Non-negative, of sum 1, shape (n,).
    """
    return float(1.0 / weights.square().sum())


def tilted_risk(
    values: Tensor, tilt: float, pool: Tensor | None = None, copies: int = 1, clamp: float | None = None
) -> Tensor:
    """T_t(v) = (1/t) log mean_i exp(t v_i), the mean of v at t = 0 (Li et al., 2021), normalised over a pool.

    Dr.DPO (Wu et al., 2024) is T_{-1/w} of the losses of pairs; IRIS (arXiv 2604.20933) is T_{1-alpha} of -r over
    real responses plus T_alpha of r over synthetic ones.

    The gradient is that of sum_i w_i v_i with the weights held fixed, w = softmax(t v) over the pool. It equals the
    gradient of T_t(v) where the pool is the values themselves and nothing is clamped; with a pool that spans ranks
    and accumulated micro-batches, the parts add up to the gradient over the whole. A clamped exponent bounds its
    weight and leaves the sample in the gradient.

    Args:
        values: v of this micro-batch, shape (n,), float.
        tilt: t, any real number.
        pool: Detached v of the widest batch, these among them, shape (N,); None for the values themselves.
        copies: By how many equal parts the caller averages (ranks times accumulated micro-batches).
        clamp: Bound on |t (v - mean of the pool)| in the weights, or None.

    Returns:
        Scalar: its value is T_t over the pool, its gradient `copies` times this micro-batch's part.
    """
    pool = values.detach() if pool is None else pool
    mass = torch.logsumexp(exponents(pool, pool, tilt, clamp), dim=0)
    weights = torch.exp(exponents(values.detach(), pool, tilt, clamp) - mass).to(values.dtype)
    surrogate = copies * (weights * values).sum()
    risk = pool.double().mean()
    if abs(tilt) >= MEAN:
        risk = risk + (mass - math.log(len(pool))) / tilt
    return risk.to(values.dtype) + surrogate - surrogate.detach()


def iris_loss(
    real: Tensor,
    synthetic: Tensor,
    alpha: float,
    pools: tuple[Tensor, Tensor] | None = None,
    copies: int = 1,
    clamp: float | None = None,
) -> Tensor:
    """L = -1/(alpha-1) log E_data[exp((alpha-1) r)] + 1/alpha log E_old[exp(alpha r)] (IRIS, arXiv 2604.20933).

    The variational form of the Renyi divergence of order alpha; at alpha = 1 the first term is -E_data[r] and the
    loss is Donsker and Varadhan's for the KL divergence.

    Args:
        real: r of annotated responses, shape (n,).
        synthetic: r of the previous iterate's own responses, shape (m,).
        alpha: Order, > 0.
        pools: r of the widest batch, detached, of real and of synthetic responses; None for the two arguments.
        copies: As in `tilted_risk`.
        clamp: As in `tilted_risk`.

    Returns:
        Scalar.
    """
    real_pool, synthetic_pool = pools if pools is not None else (None, None)
    first = tilted_risk(-real, 1.0 - alpha, None if real_pool is None else -real_pool, copies, clamp)
    return first + tilted_risk(synthetic, alpha, synthetic_pool, copies, clamp)
