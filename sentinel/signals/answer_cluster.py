"""Do some candidates agree with each other more closely than their common subject explains?"""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class AnswerCluster(Signal):
    """Cosine of each candidate to its second-nearest different one, in [-1, 1]: high only inside a group of three.

    Several documents planted for one question push one answer and lie closer to each other than honest passages on
    the subject do (the observation behind TrustRAG, arXiv 2501.00879, stage 1). The second nearest, so that one
    honest near-duplicate is no group; exact copies of a text count once.
    """

    manifest = SignalManifest(
        name="answer_cluster",
        summary="closeness of a candidate to its second-nearest different one",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="after TrustRAG, arXiv 2501.00879",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Closeness, shape (n,); None without vectors or with fewer than three different texts."""
        cosines = evidence.cosines
        if cosines is None:
            return None
        texts = evidence.texts
        # Of copies the smallest cosine counts, so that their order does not.
        number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        if len(number) < 3:
            return None
        if len(number) == len(texts):
            apart = cosines.astype(np.float64)
            np.fill_diagonal(apart, -np.inf)
            return np.clip(np.partition(apart, -2, axis=1)[:, -2], -1.0, 1.0)
        group = np.array([number[text] for text in texts])
        by_text = np.full((len(texts), len(number)), np.inf)
        np.minimum.at(by_text.T, group, cosines.T.astype(np.float64))
        by_text[np.arange(len(texts)), group] = -np.inf
        return np.clip(np.partition(by_text, -2, axis=1)[:, -2], -1.0, 1.0)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how close the group is."""
        return f"three or more documents agree closely (cosine {peak(measurement):.2f})"
