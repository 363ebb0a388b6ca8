"""Could the question be answered from what was served?"""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest, known
from benchmarks.statistics import Estimate, mean


class ContextualRecall(Metric):
    """Share of questions whose short answer stands in a served passage; yes/no answers do not count.

    The name is DeepEval's, whose judge is a language model; this is its string form, and needs short answers.
    """

    manifest = MetricManifest(
        name="contextual_recall",
        summary="share of questions whose short answer stands in what was served",
        families=frozenset({Family.BENIGN}),
        higher_is_better=True,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Mean over sessions with short answers."""
        return mean(known(cell, "answered"))
