"""Reaction: area under the ROC curve without the time: the same on every machine."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import MetricManifest
from benchmarks.metrics._reaction import ReadingAuc


class AucUntimed(ReadingAuc):
    """What a reaction tells but for its time."""

    score = "score_untimed"
    manifest = MetricManifest(
        name="auc_untimed",
        summary="reaction: auc without the time: the same on every machine",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        percent=False,
    )
