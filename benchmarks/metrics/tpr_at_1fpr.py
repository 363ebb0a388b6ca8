"""Membership: share of members found at 1 % false alarms."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import BOTH, Cell, Metric, MetricManifest
from benchmarks.metrics._membership import over_targets
from benchmarks.statistics import Estimate, tpr_at_fpr


class TprAt1Fpr(Metric):
    """Carlini et al., 2022: what a careful attacker gets. A coin gets 0.01. Interpolated across ties."""

    manifest = MetricManifest(
        name="tpr@1fpr",
        summary="share of members found at 1 % false alarms",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        stages=BOTH,
        percent=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Over targets, resampled by target."""
        return over_targets(cell, lambda positives, negatives: tpr_at_fpr(positives, negatives, 0.01))
