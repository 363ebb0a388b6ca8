"""What an attack costs users in right answers."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import ANSWER, Cell, Metric, MetricManifest
from benchmarks.metrics._paired import accuracy_difference
from benchmarks.statistics import Estimate


class AccuracyVsClean(Metric):
    """Answer accuracy under attack minus that of policy `none` on the same questions before anything was planted."""

    manifest = MetricManifest(
        name="accuracy_vs_clean",
        summary="answer accuracy under attack minus that of no defense without attack, same questions",
        families=frozenset({Family.POISONING}),
        higher_is_better=True,
        stages=frozenset({ANSWER}),
    )

    def compute(self, cell: Cell) -> Estimate:
        """Paired, over targets."""
        return accuracy_difference(cell.samples, cell.clean)
