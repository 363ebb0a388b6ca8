"""Membership: area under the ROC curve of members against non-members, oriented."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import BOTH, Cell, Metric, MetricManifest
from benchmarks.metrics._membership import over_targets
from benchmarks.statistics import Estimate, auc


class Auc(Metric):
    """0.5 is a coin, 1 is certainty. Oriented (max(auc, 1 - auc)): an attacker may read any score upside down."""

    manifest = MetricManifest(
        name="auc",
        summary="area under the ROC curve of members against non-members, oriented",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        stages=BOTH,
        percent=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Over targets, resampled by target."""
        return over_targets(cell, auc)
