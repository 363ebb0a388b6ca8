"""Mirabel's test: is the best match closer to the query than the best of that many documents ought to be?"""

from __future__ import annotations

import math

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


def gumbel_threshold(mean: float, deviation: float, documents: int, rho: float = 0.05) -> float:
    """The similarity that the best of `documents` matches exceeds with probability `rho` by chance.

    Mirabel's threshold (arXiv 2505.22061): tau = mu_n + c * sigma / sqrt(2 ln n) with mu_n = mu + sigma *
    sqrt(2 ln n) and c = -ln(-ln(1 - rho)).

    Args:
        mean: Mean similarity of the query to the corpus.
        deviation: Standard deviation of the same.
        documents: Size n of the corpus, at least 2.
        rho: False-positive rate of the test in (0, 1), under the paper's assumption of Gaussian similarities.
    """
    width = math.sqrt(2.0 * math.log(documents))
    return mean + deviation * width - math.log(-math.log1p(-rho)) * deviation / width


class SimilarityOutlier(Signal):
    """How far each candidate lies above the Gumbel threshold, in standard deviations of the similarity.

    Above 0 is what Mirabel flags. On real questions nearly every good passage does too, so this is one
    signal among others and never the trigger.
    """

    manifest = SignalManifest(
        name="similarity_outlier",
        summary="deviations by which a candidate exceeds the best similarity to be expected by chance",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.SIMILARITIES, Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="Mirabel, arXiv 2505.22061",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Standardised excess over the threshold, shape (n,); None without a profile or a query vector."""
        corpus, query = evidence.corpus, evidence.query_vector
        if corpus is None or query is None or corpus.documents < 2 or query.shape != (corpus.dimension,):
            return None
        mean, deviation = corpus.similarity_moments(query)
        if deviation < 1e-9:
            return None
        return (evidence.similarities - gumbel_threshold(mean, deviation, corpus.documents)) / deviation

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how unusual the best match is."""
        return f"the best match lies {peak(measurement):+.1f} deviations from what chance explains"
