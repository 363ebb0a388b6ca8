"""Does the client ask one yes/no question after another on one subject?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class ClosedSeries(Signal):
    """Log-likelihood ratio, interrogation against reading up, over the client's last eight questions.

    `yes_no_run` over documents sees an interrogation only where its target stands in the corpus and comes back; this
    one reads the questions alone, so that it tells a member from a non-member no better than chance, and a prober
    learns nothing from being noticed. Wald's sequential test (1945) with the same two odds; questions on another
    subject count a quarter, by the cosine of the queries' sketches.
    """

    manifest = SignalManifest(
        name="closed_series",
        summary="yes/no questions of the client in a row, on one subject",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
        source="Wald 1945; against the interrogation attack, arXiv 2502.00306",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Log-likelihood ratio, this question included; None without history or where no form can be said."""
        return None if evidence.history is None else evidence.history.series(evidence.observation)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that questions of one kind follow each other."""
        return f"yes/no questions on one subject in a row (log-likelihood ratio {peak(measurement):+.1f})"
