"""ADO's M_DRP: how far similarity falls from the first candidate to the last."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class SimilarityDrop(Signal):
    """Largest less smallest similarity among the candidates, in [0, 2] (M_DRP of arXiv 2604.20932)."""

    manifest = SignalManifest(
        name="similarity_drop",
        summary="fall of the similarity from the best to the last candidate (M_DRP)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.POISONING}),
        needs=frozenset({Need.SIMILARITIES}),
        source="ADO, arXiv 2604.20932, M_DRP",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """The fall; None with fewer than two known similarities."""
        known = evidence.similarities[np.isfinite(evidence.similarities)]
        return float(known.max() - known.min()) if known.size > 1 else None

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how far it falls."""
        return f"similarity falls by {peak(measurement):.2f} from the best match to the last"
