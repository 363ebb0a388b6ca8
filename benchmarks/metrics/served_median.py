"""How often an interrogation gets its answers from the target itself."""

from __future__ import annotations

import numpy as np

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, bootstrap


class ServedMedian(Metric):
    """Median over member targets of the questions for which the target was served.

    Said only where a target is asked about more than once: for one ask it would be `member_exposure` in disguise.
    """

    manifest = MetricManifest(
        name="served_median",
        summary="questions of an interrogation for which the target was served, median over members",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        percent=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Median, resampled by target."""
        hits = [
            float(found)
            for s in cell.samples
            if s.member and len(s.served) > 1 and (found := s.values.get("hits")) is not None
        ]
        array = np.asarray(hits, dtype=np.float64)
        return bootstrap(lambda index: float(np.median(array[index])), len(array))
