"""Does a candidate speak as a model that declines? A blocker document makes the generator refuse."""

from __future__ import annotations

import numpy as np

from sentinel._markers import question_first, refusal
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

MIN_WORDS = 4


class RefusalText(Signal):
    """How far a candidate states a refusal, in [0, 1]; next to the question itself it counts half as much again.

    Plain-text jamming (Shafran et al., arXiv 2406.05870): "the context does not provide enough information", "I
    cannot provide a response that may encourage harmful content". A source states facts and declines nothing.
    English, as `instruction_text`.
    """

    manifest = SignalManifest(
        name="refusal_text",
        summary="text in a candidate that declines to answer",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.JAMMING, Threat.INJECTION}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="against jamming, arXiv 2406.05870",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Score in [0, 1], shape (n,), NaN for a text without words."""
        length = len(evidence.query_words)
        values = np.full(len(evidence.candidates), np.nan)
        for i, (text, score) in enumerate(zip(evidence.texts, evidence.read(refusal), strict=True)):
            if not text.strip():
                continue
            if score and (
                question_first(text) == 1.0 or (length >= MIN_WORDS and evidence.run_lengths[i] >= 0.8 * length)
            ):
                score *= 1.5
            values[i] = score / 1.5
        return values

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that a document declines."""
        return f"a document speaks as a model that declines to answer (strength {peak(measurement):.1f} of 1)"
