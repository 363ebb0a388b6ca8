"""How much of what the client asks, question after question, stands in one document?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class WeightInDocument(Signal):
    """Accumulated share of the questions' content weight in a candidate, above the client's other documents.

    Each question adds the share of its content weight (idf where the corpus is known) that stands in the document;
    the sum is standardised as in `document_concentration`. An interrogation's questions are made of their document:
    the sum grows by nearly 1 a question. Paraphrase slows it, word order does not matter.
    """

    manifest = SignalManifest(
        name="weight_in_document",
        summary="content of the client's successive questions that stands in one document",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MILLISECONDS,
        per_candidate=True,
        source="against the interrogation attack, arXiv 2502.00306",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Deviations, shape (n,); None without history or without content words in the query."""
        history = evidence.history
        if history is None or not len(evidence.observation.words):
            return None
        now = evidence.served
        return history.standing(history.totals("weight", now), evidence.candidate_keys)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that the questions' content stands in one document."""
        return f"one document holds what successive questions are made of ({peak(measurement):.1f} deviations)"
