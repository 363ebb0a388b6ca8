"""Estimates with 95 % intervals: Wilson for rates, percentile bootstrap over sessions for everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A figure with what it rests on; value None where it cannot be said."""

    value: float | None
    n: int
    ci_low: float | None = None
    ci_high: float | None = None


def rate(outcomes: Sequence[float]) -> Estimate:
    """Share of successes with Wilson's interval; outcomes are 0 or 1."""
    from scipy.stats import binomtest

    n = len(outcomes)
    if n == 0:
        return Estimate(None, 0)
    interval = binomtest(round(sum(outcomes)), n).proportion_ci(method="wilson")
    return Estimate(sum(outcomes) / n, n, float(interval.low), float(interval.high))


def bootstrap(statistic: Callable[[NDArray[np.intp]], float], n: int, count: int | None = None) -> Estimate:
    """A statistic of n units with its percentile interval.

    Args:
        statistic: Takes indices of units, shape (n,), with repetition; may give NaN where it cannot be said.
        n: Number of units (sessions: their asks are not independent).
        count: What to report as n where that is not the number of units.
    """
    if n == 0:
        return Estimate(None, 0)
    value = statistic(np.arange(n))
    if not np.isfinite(value):
        return Estimate(None, count or n)
    draw = np.random.default_rng(0)
    resampled = np.array([statistic(draw.integers(0, n, n)) for _ in range(RESAMPLES)])
    resampled = resampled[np.isfinite(resampled)]
    if not len(resampled):
        return Estimate(float(value), count or n)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(float(value), count or n, float(low), float(high))


def mean(values: Sequence[float]) -> Estimate:
    """Mean with a bootstrap interval."""
    return ratio(values, np.ones(len(values)))


def ratio(numerators: Sequence[float] | Floats, denominators: Sequence[float] | Floats) -> Estimate:
    """Ratio of two paired sums with a percentile interval; the pairs are resampled together."""
    top, bottom = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    n = len(top)
    if n == 0 or bottom.sum() <= 0:
        return Estimate(None, n)
    # How often each pair is drawn says all about a resample: one matrix product instead of a thousand sums.
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)
    above, below = drawn @ top, drawn @ bottom
    low, high = np.percentile(above[below > 0] / below[below > 0], [2.5, 97.5])
    return Estimate(float(top.sum() / bottom.sum()), n, float(low), float(high))


def bins(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """How many positives and negatives stand at each distinct score, ascending: all that a ROC curve needs."""
    _, place = np.unique(scores, return_inverse=True)
    size = int(place.max()) + 1 if len(place) else 0
    return (
        np.bincount(place[positive], minlength=size).astype(np.float64),
        np.bincount(place[~positive], minlength=size).astype(np.float64),
    )


def auc(positives: Floats, negatives: Floats) -> float:
    """Area under the ROC curve, ties counted half, oriented: max(auc, 1 - auc).

    An attacker may read any score upside down, so that 0.5 is the least.

    Args:
        positives: Members at each score, ascending, shape (b,).
        negatives: Non-members at each score, shape (b,).

    Returns:
        A value in [0.5, 1]; NaN with one class only.
    """
    pairs = positives.sum() * negatives.sum()
    if pairs == 0:
        return float("nan")
    area = float((positives * (np.cumsum(negatives) - negatives / 2)).sum() / pairs)
    return max(area, 1.0 - area)


def advantage(positives: Floats, negatives: Floats) -> float:
    """Largest distance of the two distribution functions, max over thresholds of |TPR - FPR|; see `auc`."""
    if not positives.sum() or not negatives.sum():
        return float("nan")
    gap = np.cumsum(positives) / positives.sum() - np.cumsum(negatives) / negatives.sum()
    return float(np.abs(gap).max())


def tpr_at_fpr(positives: Floats, negatives: Floats, fpr: float) -> float:
    """True-positive rate at a false-positive rate, interpolated across ties along the ROC curve; see `auc`."""
    if not positives.sum() or not negatives.sum():
        return float("nan")
    hits = np.concatenate([[0.0], np.cumsum(positives[::-1])]) / positives.sum()
    alarms = np.concatenate([[0.0], np.cumsum(negatives[::-1])]) / negatives.sum()
    # The last point not beyond `fpr`, then along the straight piece of a tie to the next one.
    at = int(np.searchsorted(alarms, fpr + 1e-12, side="right")) - 1
    if at + 1 == len(alarms):
        return float(hits[at])
    share = max(fpr - alarms[at], 0.0) / (alarms[at + 1] - alarms[at])
    return float(hits[at] + share * (hits[at + 1] - hits[at]))
