"""What the benign questions lose that an attacker mixes in: what an honest user with that past would lose."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, ratio


class CoverRecallRatio(Metric):
    """Recall@5 of the benign questions of a membership attack divided by that of policy `none` on the same ones."""

    manifest = MetricManifest(
        name="cover_recall_ratio@5",
        summary="recall@5 of the benign questions between the probes, relative to no defense",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=True,
    )

    def applies(self, cell: Cell) -> bool:
        """Where benign questions are mixed in."""
        return any("recall" in sample.values for sample in cell.samples)

    def compute(self, cell: Cell) -> Estimate:
        """Ratio of paired sums, resampled by session."""
        top, bottom = [], []
        for sample in cell.samples:
            before = cell.undefended.get(sample.session)
            here, there = sample.values.get("recall"), before.values.get("recall") if before else None
            if here is not None and there is not None:
                top.append(here)
                bottom.append(there)
        return ratio(top, bottom)
