"""Does each query grow out of what the one before brought, towards documents not yet seen?"""

from __future__ import annotations

from sentinel.client_state import WALK_KEPT
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class OutwardWalk(Signal):
    """Faded sum of outward steps, this request's included, in [0, 5].

    A step is the share of the query's content words that the client can have learned from what it was served last
    (and used in no recent query), times the share of documents that are new to it. CopyBreak (arXiv 2411.14110)
    continues an extracted chunk forwards and backwards: its queries are such steps, one after another. Follow-ups on
    one document learn words too but bring nothing new; unrelated questions bring new documents but learn no words.
    """

    manifest = SignalManifest(
        name="outward_walk",
        summary="queries made of what was served last that reach ever new documents",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MILLISECONDS,
        source="against CopyBreak, arXiv 2411.14110",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """0 and above; None without history or candidates."""
        history = evidence.history
        if history is None or not evidence.candidates:
            return None
        return history.walk * WALK_KEPT + history.step(evidence.served)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that the client walks through the corpus."""
        return f"the client's queries walk from document to document ({peak(measurement):.1f} steps)"
