"""Time: milliseconds of search, query vectors from the run's cache, percentile 50."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import Cell, Metric, MetricManifest
from benchmarks.metrics._time import percentile
from benchmarks.statistics import Estimate


class RetrieveP50(Metric):
    """Percentile 50 of the milliseconds of search, query vectors from the run's cache; `perf` measures under load."""

    manifest = MetricManifest(
        name="retrieve_ms_p50",
        summary="milliseconds of search, query vectors from the run's cache, percentile 50",
        families=frozenset(Family),
        higher_is_better=False,
        percent=False,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Over requests; the interval is the binomial one of the order statistic."""
        return percentile([ms for s in cell.samples for ms in s.retrieve_ms], 50)
