"""The noise of the ADO paper, kept as the baseline that it is."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


def noise_scale(epsilon: float, delta: float) -> float:
    """Standard deviation 2 sqrt(2 ln(1.25 / delta)) / epsilon that the published code adds to a cosine."""
    return 2.0 * math.sqrt(2.0 * math.log(1.25 / delta)) / epsilon


class AdoNoise(SelectionDefense):
    """One Gaussian draw on the similarity threshold; what lies below the noisy threshold is not served.

    The threshold is the similarity of the last candidate. With the published epsilon the noise (2.07) is seven
    times the spread of the similarities, so that in effect a coin decides between all documents and none. The
    pool of candidates depends on the data and nothing is accounted across queries: it is **not** differentially
    private, whatever its parameters are called, and is here to be measured against (arXiv 2604.20932).
    """

    manifest = DefenseManifest(
        name="ado_noise",
        summary="Gaussian noise on the similarity threshold, as in ADO (a baseline; not differentially private)",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.SIMILARITIES}),
        cost=Cost.MICROSECONDS,
        baseline=True,
        source="ADO, arXiv 2604.20932, dp_approx",
    )

    epsilon: float = Field(3.0, gt=0.0, le=100.0, description="smaller is noisier")
    delta: float = Field(0.01, gt=0.0, lt=1.0, description="enters the noise scale")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Keep the candidates whose similarity reaches the noisy threshold; those without one are kept."""
        similarities = evidence.similarities
        if not np.isfinite(similarities).any():
            return Selection.all_of(evidence)
        generator = resources.random.for_request(evidence.request, self.manifest.name)
        noise = generator.gauss(0.0, noise_scale(self.epsilon, self.delta))
        threshold = float(np.nanmin(similarities)) + noise
        return Selection.without(
            evidence,
            {
                candidate.position: "below the noisy threshold"
                for candidate, similarity in zip(evidence.candidates, similarities, strict=True)
                if similarity < threshold
            },
        )
