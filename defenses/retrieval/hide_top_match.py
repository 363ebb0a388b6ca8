"""Mirabel: if the best match is better than chance allows, serve the others."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.signals.similarity_outlier import gumbel_threshold
from sentinel.vocabulary import Threat


class HideTopMatch(SelectionDefense):
    """Hides the most similar candidate if its similarity exceeds the Gumbel threshold (arXiv 2505.22061).

    As published it hides the gold passage of most real questions (its row in docs/defenses.md);
    `hide_probed` is the form with a second signal.
    """

    manifest = DefenseManifest(
        name="hide_top_match",
        summary="hide the best match when it is a similarity outlier (Mirabel)",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.SIMILARITIES, Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
        baseline=True,
        source="Mirabel, arXiv 2505.22061",
    )

    rho: float = Field(0.05, gt=0.0, lt=1.0, description="false-positive rate under Gaussian similarities")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the candidate of largest similarity if it is an outlier; keep all if it cannot be told."""
        corpus, query = evidence.corpus, evidence.query_vector
        similarities = evidence.similarities
        if corpus is None or query is None or corpus.documents < 2 or not np.isfinite(similarities).any():
            return Selection.all_of(evidence)
        mean, deviation = corpus.similarity_moments(query)
        top = float(np.nanmax(similarities))
        # Written so that NaN, from a query vector without a direction, hides nothing.
        if deviation < 1e-9 or not top > gumbel_threshold(mean, deviation, corpus.documents, self.rho):
            return Selection.all_of(evidence)
        # Every candidate that ties for the top goes: a duplicate must not stand in for the hidden one.
        return Selection.without(
            evidence,
            {
                candidate.position: "best match, a similarity outlier"
                for candidate, similarity in zip(evidence.candidates, similarities, strict=True)
                if similarity >= top - 1e-6
            },
        )
