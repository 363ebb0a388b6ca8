"""Recall under attack relative to no defense and no attack: are the good passages still there?"""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, ratio


class RecallVsClean(Metric):
    """Recall@5 on the attacked questions divided by what `none` served before anything was planted."""

    manifest = MetricManifest(
        name="recall_vs_clean@5",
        summary="recall@5 under attack relative to no defense before the attack",
        families=frozenset({Family.POISONING}),
        higher_is_better=True,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Ratio of paired sums."""
        top, bottom = [], []
        for sample in cell.samples:
            before = cell.clean.get(sample.session)
            here, there = sample.values.get("recall"), before.values.get("recall") if before else None
            if here is not None and there is not None:
                top.append(here)
                bottom.append(there)
        return ratio(top, bottom)
