"""How far two kinds of traffic lie apart, with intervals over sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics import tpr_at_fpr

Floats = NDArray[np.float64]
RESAMPLES = 200


@dataclass(frozen=True)
class Scores:
    """Scores of one kind of traffic, with the session that each comes from, both of shape (n,)."""

    values: Floats
    sessions: NDArray[np.str_]

    @classmethod
    def of(cls, found: Iterable[tuple[float, str]]) -> Scores:
        """From pairs of score and session."""
        pairs = list(found)
        return cls(np.array([v for v, _ in pairs], dtype=np.float64), np.array([s for _, s in pairs], dtype=np.str_))

    def only(self, chosen: NDArray[np.bool_]) -> Scores:
        """Some of them; `chosen` of shape (n,)."""
        return Scores(self.values[chosen], self.sessions[chosen])

    def __add__(self, other: Scores) -> Scores:
        return Scores(np.concatenate([self.values, other.values]), np.concatenate([self.sessions, other.sessions]))


@dataclass(frozen=True)
class Figure:
    """AUC and the share found at a false-positive rate, each with a 95 % interval over sessions."""

    area: float
    area_ci: tuple[float, float]
    found: float
    found_ci: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.found_ci
        return (
            f"{self.area:.3f} ({self.area_ci[0]:.3f}-{self.area_ci[1]:.3f}) / {self.found:.2f} ({low:.2f}-{high:.2f})"
        )


def compare(positive: Scores, negative: Scores, fpr: float) -> Figure | None:
    """How far two kinds of traffic lie apart; sessions are resampled within each kind. None if one is empty."""
    if not len(positive.values) or not len(negative.values):
        return None
    values = np.concatenate([positive.values, negative.values])
    labels = np.arange(len(values)) < len(positive.values)
    place = np.unique(values, return_inverse=True)[1]
    size = int(place.max()) + 1
    units = [np.unique(one.sessions, return_inverse=True)[1] for one in (positive, negative)]
    draw = np.random.default_rng(0)

    def at(weights: Sequence[Floats]) -> tuple[float, float]:
        above, below = (
            np.bincount(place[labels == side], weights=w, minlength=size).astype(np.float64)
            for side, w in zip((True, False), weights, strict=True)
        )
        area = float((above * (np.cumsum(below) - below / 2)).sum() / (above.sum() * below.sum()))
        return area, tpr_at_fpr(above, below, fpr)

    value = at([np.ones(len(u)) for u in units])
    resampled = []
    for _ in range(RESAMPLES):
        counts = [
            np.bincount(draw.integers(0, n, n), minlength=n).astype(np.float64) for n in (u.max() + 1 for u in units)
        ]
        resampled.append(at([c[u] for c, u in zip(counts, units, strict=True)]))
    low, high = np.percentile(np.array(resampled), [2.5, 97.5], axis=0)
    return Figure(value[0], (low[0], high[0]), value[1], (low[1], high[1]))
