"""Were several of the candidates ingested together, while the others were not?"""

from __future__ import annotations

import math

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

WINDOW = 600.0
"""Seconds within which documents were ingested together."""


class IngestionBurst(Signal):
    """How many other candidates came into the corpus within ten minutes of this one, less what a bulk load explains.

    Documents planted for one question arrive together and answer it together; documents of one bulk load are spread
    over all questions. Where most of the candidates were loaded together, that is the corpus and no burst.
    """

    manifest = SignalManifest(
        name="ingestion_burst",
        summary="other candidates that were ingested together with this one",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.INGESTION}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Companions, shape (n,), NaN where the time is not known; None if fewer than three times are."""
        times = np.array(
            [
                c.ingestion.time if c.ingestion is not None and c.ingestion.time is not None else math.nan
                for c in evidence.candidates
            ],
            dtype=np.float64,
        )
        times[~np.isfinite(times)] = np.nan
        known = np.isfinite(times)
        if known.sum() < 3:
            return None
        with np.errstate(invalid="ignore"):
            together = (np.abs(times[:, None] - times[None, :]) <= WINDOW).sum(axis=1) - 1.0
        together[2 * (together + 1) > known.sum()] = 0.0
        return np.where(known, together, np.nan)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many arrived together."""
        return f"{peak(measurement) + 1:.0f} of the documents were ingested within minutes of each other"
