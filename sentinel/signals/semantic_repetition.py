"""Does the client ask for the same again in other words?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class SemanticRepetition(Signal):
    """Largest cosine similarity of the query vector to the client's last eight, from sign sketches, faded.

    256 signs of random projections (Charikar 2002) stand for a vector; the error of the cosine is about 0.1 for
    unrelated queries and less for close ones.
    """

    manifest = SignalManifest(
        name="semantic_repetition",
        summary="resemblance in meaning to the client's last queries",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY, Need.VECTORS}),
        cost=Cost.MICROSECONDS,
        source="Charikar 2002, Similarity estimation techniques from rounding algorithms",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; None without history, an earlier query or a query vector."""
        if evidence.history is None:
            return None
        return evidence.history.semantic_repetition(evidence.observation)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how close the queries are."""
        return f"a recent query of this client lies close to this one (similarity {peak(measurement):.2f})"
