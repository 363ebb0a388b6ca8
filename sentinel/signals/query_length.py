"""How long the query is."""

from __future__ import annotations

import math

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class QueryLength(Signal):
    """log(1 + words), or log(1 + characters / 5) where that is more.

    Probes that carry a text (MBA, S2MIA, direct questions) are long. So are honest case descriptions: this is a
    baseline and a companion of other signals, never a trigger. Characters count too, so that text without word
    characters is not short.
    """

    manifest = SignalManifest(
        name="query_length",
        summary="length of the query in words, on a log scale",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION, Threat.INJECTION}),
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Natural logarithm, 0 to about 12."""
        return math.log1p(max(len(evidence.query_words), len(evidence.request.query) / 5))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many words there are."""
        return f"the query is about {math.exp(peak(measurement)) - 1:.0f} words long"
