"""Is the query a sentence of a candidate with words deleted and substituted? What a marker-free cloze looks like."""

from __future__ import annotations

from sentinel._alignment import aligned
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class AlignedSentence(Signal):
    """Share of the query's rare words that stand in one stretch of a candidate in the same order, in [0, 1].

    A probe with deleted and substituted words (MBA, arXiv 2410.20142, without its masks) shares few n-grams with its
    target but keeps its rare words in order. Idf-weighted local alignment (Smith and Waterman, 1981).
    """

    manifest = SignalManifest(
        name="aligned_sentence",
        summary="share of the query's rare words that one stretch of a candidate has in the same order",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="ours, against MBA, arXiv 2410.20142, without markers",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Aligned share, shape (n,); None without a scan of the corpus or with fewer than three rare words."""
        found = aligned(evidence)
        return None if found is None else found.weight / found.whole

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say which share of the query one passage follows."""
        return f"{peak(measurement):.0%} of the query's rare words stand in one passage in the same order"
