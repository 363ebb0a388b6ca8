"""Keep one of each group of near-duplicates: whoever says a thing five times gets one voice."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._likeness import TOLERANCE, by_wording, groups, resemblance
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class NearDuplicateFilter(SelectionDefense):
    """Keeps the most similar candidate of each near-duplicate group and drops the others.

    Near-duplicates share `wording` of their word 3-grams, or have a cosine of `cosine`; copies word for word
    collapse as well. Nothing is lost that the kept one does not say: the mildest defense against many documents
    for one answer. It takes their number from them, not the last of them.
    """

    manifest = DefenseManifest(
        name="near_duplicate_filter",
        summary="keep one of each group of near-duplicate documents",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.EXTRACTION}),
        cost=Cost.MILLISECONDS,
        source="ours, after Broder 1997, On the resemblance and containment of documents",
    )

    wording: float = Field(0.6, gt=0.0, le=1.0, description="resemblance of word 3-grams of a near-duplicate")
    cosine: float = Field(0.95, gt=0.0, le=1.0, description="cosine of a near-duplicate, where vectors are known")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Keep the best of each group."""
        same = by_wording(evidence)
        first = [copies[0] for copies in same]
        linked = resemblance([evidence.candidates[i].text for i in first]) >= self.wording
        if evidence.cosines is not None:
            for row, copies in enumerate(same):
                # Equal texts may come with several vectors: the closest pair decides, whichever comes first.
                closest = evidence.cosines[copies].max(axis=0)
                linked[row] |= np.array([closest[other].max() for other in same]) >= self.cosine - TOLERANCE
        np.fill_diagonal(linked, val=False)
        dropped: dict[int, str] = {}
        for copies in same:
            for i in copies[1:]:
                dropped[evidence.candidates[i].position] = "repeats another document word for word"
        for group in groups(linked | linked.T):
            for row in group[1:]:
                dropped[evidence.candidates[first[row]].position] = f"one of {len(group)} near-duplicates"
        return Selection.without(evidence, dropped)
