"""Recall relative to no defense, on the same questions: what benign users lose."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, ratio


class RecallRatio(Metric):
    """Recall@5 divided by that of policy `none` on the same questions, sessions weighted by their length."""

    manifest = MetricManifest(
        name="recall_ratio@5",
        summary="recall@5 relative to no defense, same questions",
        families=frozenset({Family.BENIGN}),
        higher_is_better=True,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Ratio of paired sums, resampled by session."""
        top, bottom = [], []
        for sample in cell.samples:
            before = cell.undefended.get(sample.session)
            here, there = sample.values.get("recall"), before.values.get("recall") if before else None
            if here is not None and there is not None:
                top.append(here * len(sample.served))
                bottom.append(there * len(sample.served))
        return ratio(top, bottom)
