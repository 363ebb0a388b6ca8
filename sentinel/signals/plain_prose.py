"""Is a candidate bare assertion, without the figures, names in brackets and quotations that records carry?"""

from __future__ import annotations

import math

import numpy as np

from sentinel._passage import passage, read_once
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

LEAST_WORDS = 8
TYPICAL = 0.05
"""Marks of detail per word of ordinary encyclopaedic or scientific prose; smooths the count for short texts."""
SMOOTHING = 40.0


@read_once
def plainness(text: str) -> float:
    """Logarithm of how much rarer marks of detail are than in ordinary prose; NaN below eight words.

    Marks are words with a digit and brackets, quotation marks, semicolons and slashes. Smoothed as if forty words of
    ordinary prose came with the text, so that a short text without any says little.
    """
    read = passage(text)
    if len(read.words) < LEAST_WORDS:
        return math.nan
    # Few words are anything but letters, and only those can hold a digit.
    marks = sum(any(map(str.isdigit, word)) for word in read.words if not word.isalpha())
    marks += sum(text.count(c, 0, 40_000) for c in '()[];:/"“”«»')
    return -math.log((marks + TYPICAL * SMOOTHING) / (len(read.words) + SMOOTHING) / TYPICAL)


class PlainProse(Signal):
    """How bare of figures, brackets and quotations a candidate is; above 0 is barer than ordinary prose.

    A text that was written to carry one false answer has no sources, dates and asides. Weak by itself, and a matter of
    genre: it is for models that are fitted to the user's corpus.
    """

    manifest = SignalManifest(
        name="plain_prose",
        summary="how bare of figures, brackets and quotations a candidate is",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Plainness, shape (n,), NaN for a text of fewer than eight words."""
        return np.array(evidence.read(plainness), dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what is lacking."""
        return f"a document has {math.exp(-peak(measurement)):.1f} times the figures and references that are usual"
