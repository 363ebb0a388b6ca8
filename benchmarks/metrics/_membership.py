"""Statistics over the targets of a membership attack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import Cell
from benchmarks.statistics import Estimate, Floats, bins, bootstrap


def over_targets(cell: Cell, statistic: Callable[[Floats, Floats], float]) -> Estimate:
    """A statistic of how members and non-members are distributed over attack scores, resampled by target."""
    pairs = [(s.values["score"], s.member) for s in cell.samples if s.values.get("score") is not None]
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    members = np.array([member for _, member in pairs], dtype=bool)
    places = np.unique(scores, return_inverse=True)[1].astype(np.float64)

    def resampled(index: NDArray[np.intp]) -> float:
        return statistic(*bins(places[index], members[index]))

    return bootstrap(resampled, len(pairs))
