"""How often the ideal reader still gives the right answer under attack."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest, known
from benchmarks.statistics import Estimate, rate


class AnswerAccuracy(Metric):
    """Share of attacked questions that the reader answers rightly.

    At the context stage: a gold passage was served and nothing planted ranks above it.
    """

    manifest = MetricManifest(
        name="answer_accuracy",
        summary="share of attacked questions that the reader answers rightly",
        families=frozenset({Family.POISONING}),
        higher_is_better=True,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Share of targets whose gold passage is known."""
        return rate(known(cell, "right"))
