"""How often a member that is asked after is served."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import BOTH, Cell, Metric, MetricManifest
from benchmarks.statistics import Estimate, rate


class MemberExposure(Metric):
    """Share of member targets that were served at least once in their session."""

    manifest = MetricManifest(
        name="member_exposure",
        summary="share of member targets that were served",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        stages=BOTH,
    )

    def compute(self, cell: Cell) -> Estimate:
        """Share of members."""
        return rate([float(s.values["exposed"] or 0.0) for s in cell.samples if s.member and "exposed" in s.values])
