"""How much of the query's wording stands in one candidate."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.text import word_ngrams
from sentinel.vocabulary import Threat


class NgramContainment(Signal):
    """Share of the query's distinct word 3-grams found in each candidate (Broder's containment, 1997)."""

    manifest = SignalManifest(
        name="ngram_containment",
        summary="share of the query's word 3-grams that stand in one candidate",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.POISONING}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="Broder 1997, On the resemblance and containment of documents",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Containment in [0, 1], shape (n,); None where the query has fewer than three words."""
        wanted = word_ngrams(evidence.request.query, 3)
        if not wanted:
            return None
        return np.array(evidence.shared_trigrams(wanted), dtype=np.float64) / len(wanted)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say which share of the query's wording one document holds."""
        return f"{peak(measurement):.0%} of the query's wording stands in one document"
