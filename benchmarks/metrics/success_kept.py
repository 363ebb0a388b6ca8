"""Adaptive attacks: is the form that was found still an attack? Below 0.9 its figures say nothing of the defense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks import Family
from benchmarks.attacks._adaptive_search import success
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, bootstrap


class SuccessKept(Metric):
    """What the form gets undefended, as a share of what the plain form gets undefended on the same targets.

    Success is 2 auc - 1, or the exposure rate. The attack is valid from 0.9; no defense has a hand in this figure.
    """

    manifest = MetricManifest(
        name="success_kept",
        summary="undefended success of the adaptive form, relative to the plain form's; valid from 0.9",
        families=frozenset({Family.MEMBERSHIP, Family.POISONING}),
        higher_is_better=False,
    )

    def applies(self, cell: Cell) -> bool:
        """For adaptive attacks only."""
        return bool(cell.plain)

    def compute(self, cell: Cell) -> Estimate:
        """Ratio of two figures over the same targets, resampled by target."""
        both = sorted(cell.plain.keys() & cell.undefended.keys() & {s.session for s in cell.samples})
        family = Family.MEMBERSHIP if any(s.member is not None for s in cell.samples) else Family.POISONING

        def kept(index: NDArray[np.intp]) -> float:
            keys = [both[i] for i in index]
            before = success([cell.plain[key] for key in keys], family)
            return success([cell.undefended[key] for key in keys], family) / before if before else float("nan")

        return bootstrap(kept, len(both))
