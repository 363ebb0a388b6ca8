"""Does a candidate repeat the question itself? PoisonedRAG's black-box documents begin with it."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

MIN_WORDS = 4
"""Shorter queries are names and keywords, which any good passage repeats."""


class QuestionEcho(Signal):
    """Share of the query that stands in a candidate as one unbroken run, in [0, 1].

    A passage answers a question; it does not ask it. A document that holds the whole question was written to be
    found by it (PoisonedRAG, arXiv 2402.07867, S = question). Longest run instead of n-gram containment: a gold
    passage shares phrases with its question, a planted one shares the sentence.
    """

    manifest = SignalManifest(
        name="question_echo",
        summary="share of the query that a candidate repeats in one run",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="against PoisonedRAG, arXiv 2402.07867",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Share of the query's words in the longest shared run, shape (n,); None below four words."""
        length = len(evidence.query_words)
        if length < MIN_WORDS:
            return None
        return np.array(evidence.run_lengths, dtype=np.float64) / length

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how much of the question a document repeats."""
        return f"a document repeats {peak(measurement):.0%} of the question in one piece"
