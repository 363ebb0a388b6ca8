"""Statistics over the targets of a membership attack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import Cell
from benchmarks.statistics import Estimate, Floats, bins, bootstrap, rate


def over_targets(cell: Cell, statistic: Callable[[Floats, Floats], float]) -> Estimate:
    """A statistic of how members and non-members are distributed over attack scores, resampled by target."""
    pairs = [(s.values["score"], s.member) for s in cell.samples if s.values.get("score") is not None]
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    members = np.array([member for _, member in pairs], dtype=bool)
    places = np.unique(scores, return_inverse=True)[1].astype(np.float64)

    def resampled(index: NDArray[np.intp]) -> float:
        return statistic(*bins(places[index], members[index]))

    estimate = bootstrap(resampled, len(pairs))
    if estimate.value in (0.0, 1.0) and estimate.ci_low == estimate.ci_high:
        # Perfect separation resamples to itself; the smaller class bounds what it can prove, as for a rate.
        fewer = int(min(members.sum(), (~members).sum()))
        interval = rate([float(estimate.value)] * fewer)
        return estimate._replace(ci_low=interval.ci_low, ci_high=interval.ci_high)
    return estimate
