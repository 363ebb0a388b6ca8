"""Membership: largest difference of true- and false-positive rate."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import BOTH, Cell, Metric, MetricManifest
from benchmarks.metrics._membership import over_targets
from benchmarks.statistics import Estimate, advantage


class Advantage(Metric):
    """Yeom et al., 2018: max over thresholds of TPR - FPR, in either direction."""

    manifest = MetricManifest(
        name="advantage",
        summary="largest difference of true- and false-positive rate",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        stages=BOTH,
        percent=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Over targets, resampled by target."""
        return over_targets(cell, advantage)
