"""How many requests the client makes."""

from __future__ import annotations

import math

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class RequestRate(Signal):
    """log(1 + requests within about an hour, this one included); the count fades with a time constant of an hour.

    Extraction needs hundreds of queries (arXiv 2411.14110: 200 and more). Shared ids are busy too, so this weighs
    only together with what the requests are after.
    """

    manifest = SignalManifest(
        name="request_rate",
        summary="requests of this client within about an hour, on a log scale",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.EXTRACTION, Threat.MEMBERSHIP}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """log(2) and above; None without history."""
        return None if evidence.history is None else math.log(2.0 + evidence.history.rates[2])

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many requests there were."""
        return f"about {math.exp(peak(measurement)) - 1:.0f} requests of this client within an hour"
