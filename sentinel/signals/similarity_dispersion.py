"""ADO's M_DIS: how widely the candidates are scattered, on a scale that unit vectors can reach."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class SimilarityDispersion(Signal):
    """1 - |mean of the candidates' unit vectors|^2, in [0, 1]: the total variance of the candidates.

    ADO averages the variance over dimensions (arXiv 2604.20932, M_DIS) and calls 0.005 an anomaly, which no set of
    unit vectors of 384 dimensions can reach: their total variance is at most 1, the mean over dimensions 1/384.
    The total is the same measure times the dimension and means the same for every model.
    """

    manifest = SignalManifest(
        name="similarity_dispersion",
        summary="total variance of the candidates' vectors (M_DIS on a reachable scale)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        source="ADO, arXiv 2604.20932, M_DIS",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """The variance; None without vectors or with fewer than two candidates."""
        vectors = evidence.vectors
        if vectors is None or len(vectors) < 2:
            return None
        mean = vectors.mean(axis=0, dtype=np.float64)
        return float(np.clip(1.0 - mean @ mean, 0.0, 1.0))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how scattered the candidates are."""
        return f"the candidates scatter by {peak(measurement):.2f} of what is possible"
