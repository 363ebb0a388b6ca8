"""How often a defense was put to work."""

from __future__ import annotations

import numpy as np

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, ratio


class TriggerRate(Metric):
    """Share of requests for which the plan held at least one defense."""

    manifest = MetricManifest(
        name="trigger_rate",
        summary="share of requests for which a defense was planned",
        families=frozenset(Family),
        higher_is_better=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Share of requests; sessions are resampled."""
        fired = np.array([sum(s.triggered) for s in cell.samples], dtype=np.float64)
        asked = np.array([len(s.triggered) for s in cell.samples], dtype=np.float64)
        return ratio(fired, asked)._replace(n=int(asked.sum()))
