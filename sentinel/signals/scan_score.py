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
        values = np.full(len(evidence.candidates), np.nan)
        for i, candidate in enumerate(evidence.candidates):
            score = None if candidate.ingestion is None else candidate.ingestion.scan_score
            if score is None and evidence.corpus is not None:
                score = evidence.corpus.scan_score(candidate.text)
            if score is not None:
                values[i] = score
        return values if np.isfinite(values).any() else None

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what the scan found."""
        return f"the scan of the corpus gave a document a suspicion of {peak(measurement):.2f}"
