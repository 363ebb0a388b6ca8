"""What the scan of the corpus found in a candidate before anybody asked for it."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class ScanScore(Signal):
    """Suspicion of each candidate at index time, in [0, 1]: ingestion facts, else the corpus profile by text."""

    manifest = SignalManifest(
        name="scan_score",
        summary="suspicion that the index-time scan found in a candidate",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Suspicion, shape (n,), NaN for a document that was never scanned; None if none was."""
        told = [None if c.ingestion is None else c.ingestion.scan_score for c in evidence.candidates]
        values = np.array([np.nan if score is None else score for score in told], dtype=np.float64)
        unknown = [i for i, score in enumerate(told) if score is None]
        if unknown and evidence.corpus is not None:
            values[unknown] = evidence.corpus.scan_scores([evidence.texts[i] for i in unknown])
        return values if np.isfinite(values).any() else None

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what the scan found."""
        return f"the scan of the corpus gave a document a suspicion of {peak(measurement):.2f}"
