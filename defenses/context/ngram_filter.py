"""TrustRAG's n-gram rule alone: pairs of documents that share their wording."""

from __future__ import annotations

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._likeness import by_wording
from defenses.context.trustrag import deleted_by_wording, rouge_l
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class NgramFilter(SelectionDefense):
    """Drops both of two documents whose ROUGE-L exceeds `rouge` (TrustRAG, arXiv 2501.00879, without K-means).

    The published rule, but copies word for word count as one document (a page crawled twice does not delete itself).
    The port in ADO keeps one of each group, which leaves one planted document: `near_duplicate_filter` is that form.
    """

    manifest = DefenseManifest(
        name="ngram_filter",
        summary="drop pairs of documents of similar wording (TrustRAG's n-gram rule)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        cost=Cost.MILLISECONDS,
        baseline=True,
        source="TrustRAG, arXiv 2501.00879, n-gram filter",
    )

    rouge: float = Field(0.25, gt=0.0, le=1.0, description="ROUGE-L F1 above which two documents make a pair")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the pairs."""
        same = by_wording(evidence)
        overlap = rouge_l([evidence.candidate_words[copies[0]] for copies in same])
        gone = deleted_by_wording(overlap, self.rouge)
        dropped = {
            evidence.candidates[i].position: "shares its wording with another" for row in gone for i in same[row]
        }
        return Selection.without(evidence, dropped)
