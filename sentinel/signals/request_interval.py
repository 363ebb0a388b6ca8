"""Do requests come in a burst (M_INT of ADO, mended)?"""

from __future__ import annotations

import math

from sentinel.client_state import RATE_SECONDS
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class RequestInterval(Signal):
    """Requests of the last seconds beyond what the client's own last hour explains, on a log scale.

    log2((1 + b) / (1 + e)), b = faded count of earlier requests (5 s), e = what the client's rate over the last hour
    makes of it. ADO (arXiv 2604.20932) accuses whoever asks twice within two seconds; a double click and a busy
    service account do that. Two quick requests give 1 here, ten give 3.3, a steady stream little.
    """

    manifest = SignalManifest(
        name="request_interval",
        summary="a burst of requests, measured by the client's own pace",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
        source="M_INT of arXiv 2604.20932, mended",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """0 and above; None without history."""
        history = evidence.history
        if history is None:
            return None
        burst, _, hour = history.rates
        before = max(0.0, hour - burst)  # the burst itself explains nothing
        expected = before * RATE_SECONDS[0] / RATE_SECONDS[2]
        return max(0.0, math.log2((1.0 + burst) / (1.0 + expected)))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how fast requests come."""
        return f"requests come {2 ** peak(measurement):.1f} times as densely as this client's pace explains"
