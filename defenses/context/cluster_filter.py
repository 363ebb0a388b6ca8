"""Drop groups of candidates that say the same thing in nearly the same words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._likeness import TOLERANCE, groups
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.text import words
from sentinel.vocabulary import Threat


def near_duplicate_groups(cosines: NDArray[np.float32], threshold: float) -> list[list[int]]:
    """Connected groups of two or more rows whose cosine reaches the threshold, by smallest member.

    Args:
        cosines: Symmetric matrix of shape (n, n).
        threshold: Least cosine of an edge; up to a rounding error, so that 1.0 finds equal vectors.
    """
    return groups(cosines >= threshold - TOLERANCE)


class ClusterFilter(SelectionDefense):
    """Drops every near-duplicate group of at least `least` candidates whose texts differ.

    Several planted documents that push one answer lie closer to each other than honest passages do. Copies of
    one text, word for word, are no evidence of an attack (the same page crawled twice) and count once.
    """

    manifest = DefenseManifest(
        name="cluster_filter",
        summary="drop tight groups of near-duplicate documents",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        cost=Cost.MICROSECONDS,
        source="ours, after TrustRAG, arXiv 2501.00879",
    )

    threshold: float = Field(0.88, gt=0.0, le=1.0, description="cosine from which two documents are near-duplicates")
    least: int = Field(3, ge=2, le=50, description="different texts that make a group")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the members of every group; keep all where vectors are missing."""
        cosines = evidence.cosines
        if cosines is None:
            return Selection.all_of(evidence)
        dropped: dict[int, str] = {}
        for group in near_duplicate_groups(cosines, self.threshold):
            if len({words(evidence.candidates[i].text) for i in group}) >= self.least:
                for i in group:
                    dropped[evidence.candidates[i].position] = f"one of {len(group)} near-duplicates"
        return Selection.without(evidence, dropped)
