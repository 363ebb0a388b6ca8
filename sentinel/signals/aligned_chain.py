"""How many words does the query share with one stretch of a candidate, in the same order?"""

from __future__ import annotations

from sentinel._alignment import aligned
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class AlignedChain(Signal):
    """How many rare words of the query stand in one stretch of a candidate in the same order.

    The share alone is high for any short question that its passage answers; no question of a person's own wording
    has fifteen rare words in the order of one document.
    """

    manifest = SignalManifest(
        name="aligned_chain",
        summary="rare words of the query that one stretch of a candidate has in the same order",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="ours, against MBA, arXiv 2410.20142, without markers",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Words in the best chain, shape (n,); None without a scan or with fewer than three rare words."""
        found = aligned(evidence)
        return None if found is None else found.length

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how long the chain is."""
        return f"{peak(measurement):.0f} rare words of the query stand in one passage in the same order"
