"""Percentiles of times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.statistics import Estimate


def percentile(milliseconds: Sequence[float], percent: float) -> Estimate:
    """A percentile with the distribution-free interval of its order statistics."""
    from scipy.stats import binom

    n = len(milliseconds)
    if n == 0:
        return Estimate(None, 0)
    ordered = np.sort(np.asarray(milliseconds, dtype=np.float64))
    low, high = (int(rank) for rank in binom.ppf([0.025, 0.975], n, percent / 100))
    value = float(np.percentile(ordered, percent))
    return Estimate(value, n, float(ordered[max(low - 1, 0)]), float(ordered[min(high, n - 1)]))
