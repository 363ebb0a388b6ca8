"""How often a planted document reaches the reader."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import BOTH, Cell, Metric, MetricManifest, known
from benchmarks.statistics import Estimate, rate


class ExposureRate(Metric):
    """Share of targets with a document planted for them among the final k."""

    manifest = MetricManifest(
        name="exposure_rate",
        summary="share of targets with a planted document among those served",
        families=frozenset({Family.POISONING, Family.COMPLETION}),
        higher_is_better=False,
        stages=BOTH,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Share of targets."""
        return rate(known(cell, "exposed"))
