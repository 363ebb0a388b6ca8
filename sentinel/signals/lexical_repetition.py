"""Does the client ask with the same words again (M_LEX of ADO, mended)?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class LexicalRepetition(Signal):
    """Largest Jaccard similarity of the query's content words to those of the client's last eight queries, faded.

    ADO (arXiv 2604.20932) compares all words with the one query before: function words make any two questions alike,
    and one query in between hides a series. An old query counts half after an hour.
    """

    manifest = SignalManifest(
        name="lexical_repetition",
        summary="resemblance in words to the client's last queries",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
        source="M_LEX of arXiv 2604.20932, mended",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; None without history, without an earlier query, or without content words."""
        if evidence.history is None:
            return None
        return evidence.history.lexical_repetition(evidence.observation)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how alike the queries are."""
        return f"a recent query of this client shares {peak(measurement):.0%} of its content words"
