"""Recall among the first five."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest, known
from benchmarks.statistics import Estimate, mean


class Recall(Metric):
    """Share of the gold passages that were served among the first five, averaged over questions of a session."""

    manifest = MetricManifest(
        name="recall@5",
        summary="share of gold passages among the five served",
        families=frozenset({Family.BENIGN, Family.POISONING}),
        higher_is_better=True,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Mean over sessions."""
        return mean(known(cell, "recall"))
