"""Is a candidate short for this corpus?"""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class TextBrevity(Signal):
    """Share of the corpus's documents that are longer than the candidate, in [0, 1].

    A planted text has one thing to say; a chunker cuts passages to a length. Weak by itself and easily evaded by
    padding, which costs the attacker similarity and `question_tailoring`.
    """

    manifest = SignalManifest(
        name="text_brevity",
        summary="share of the corpus's documents that are longer than a candidate",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.JAMMING}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Share, shape (n,), NaN for a text without words; None without a scan of the corpus."""
        statistics = None if evidence.corpus is None else evidence.corpus.text
        if statistics is None or not statistics.documents:
            return None
        lengths = [len(read.words) for read in evidence.passages]
        return np.array([1.0 - statistics.shorter_share(n) if n else np.nan for n in lengths], dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how short it is."""
        return f"a document is shorter than {peak(measurement):.0%} of the corpus"
