"""Does a candidate hold a run of words that no grammar holds together? Optimised tokens look like that."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class Gibberish(Signal):
    """Length in words of the longest stretch without grammar, after the corpus's own words and pairs of words.

    Tokens found by gradient (HotFlip prefixes of PoisonedRAG and Phantom, corpus poisoning, arXiv 2310.19156) are
    rare words side by side: no frequent word joins them, no comma parts them, no other text has the pair. Perplexity
    averages this away over a document; a maximum over stretches does not.
    """

    manifest = SignalManifest(
        name="gibberish",
        summary="longest stretch of a candidate that no grammar holds together",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.JAMMING, Threat.INJECTION}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="ours, against HotFlip prefixes, arXiv 2402.07867 and 2310.19156",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Words, shape (n,), NaN for a text too short or of another language; None without a scan of the corpus."""
        if evidence.corpus is None or evidence.corpus.text is None:
            return None
        return np.array(evidence.corpus.text.salads(evidence.texts), dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how long the stretch is."""
        return f"a document holds a stretch of {peak(measurement):.0f} words without grammar"
