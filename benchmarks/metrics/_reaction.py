"""The figures that only `reaction` has: it reads the same sessions with more and with less at hand."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.metrics import Cell, Metric
from benchmarks.metrics._membership import over_targets
from benchmarks.statistics import Estimate, auc


class ReadingAuc(Metric):
    """Area under the ROC curve, oriented, of one of the attacker's other scores."""

    score: str

    def applies(self, cell: Cell) -> bool:
        """Where sessions have that score."""
        return any(self.score in sample.values for sample in cell.samples)

    def compute(self, cell: Cell) -> Estimate:
        """Over sessions, resampled by session."""
        samples = [replace(s, values={"score": s.values.get(self.score)}) for s in cell.samples]
        return over_targets(replace(cell, samples=samples), auc)
