"""Do the client's questions keep coming back to one document?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class DocumentConcentration(Signal):
    """How far a candidate's repeated retrievals stand above those of the client's other documents, in deviations.

    (h - m) / sqrt(1 + v): h = times the document came back again for this client (the first is free, this request
    counts), m and v = mean and variance of the same over the client's other documents. Measured against the client's
    own traffic, so that the popular documents of 64 people behind one id explain one another. Questions on one
    document keep hitting it (`served_median` of the interrogation); unrelated ones come back to one by chance.
    """

    manifest = SignalManifest(
        name="document_concentration",
        summary="how the client's retrievals concentrate on one document",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MILLISECONDS,
        per_candidate=True,
        source="against the interrogation attack, arXiv 2502.00306",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Deviations, shape (n,); None without history."""
        history = evidence.history
        if history is None:
            return None
        now = evidence.served
        again = {key: max(0.0, hits - 1.0) for key, hits in history.totals("hits", now).items()}
        return history.standing(again, evidence.candidate_keys)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how often the document came back."""
        return f"the client's questions come back to one document ({peak(measurement):.1f} deviations above its others)"
