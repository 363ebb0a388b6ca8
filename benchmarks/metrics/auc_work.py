"""Reaction: area under the ROC curve with the work done in place of the time: what a perfect stopwatch could tell."""

from __future__ import annotations

from benchmarks.attacks import Family
from benchmarks.metrics import MetricManifest
from benchmarks.metrics._reaction import ReadingAuc


class AucWork(ReadingAuc):
    """What a reaction tells to whoever sees how many defenses ran and how many candidates were fetched."""

    score = "score_work"
    manifest = MetricManifest(
        name="auc_work",
        summary="reaction: auc with the work done in place of the time: what a perfect stopwatch could tell",
        families=frozenset({Family.MEMBERSHIP}),
        higher_is_better=False,
        percent=False,
    )
