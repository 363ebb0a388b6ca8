"""Does a candidate ask the question itself? PoisonedRAG's black-box documents begin with it."""

from __future__ import annotations

import numpy as np

from sentinel._asked import MIN_WORDS, asked, put_in
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

ECHO = 0.8
"""Share of the question from which a candidate echoes it; what only shares phrases with it stays below."""


class QuestionEcho(Signal):
    """Share of the question that a candidate asks, in one unbroken run or in other words, in [0, 1].

    A passage answers a question; it does not ask it. A document that holds the whole question was written to be
    found by it (PoisonedRAG, arXiv 2402.07867, S = question). Longest run instead of n-gram containment: a gold
    passage shares phrases with its question, a planted one shares the sentence.

    Not every repetition is an echo. A run of `ECHO` and more counts only where it was put there as a question is
    (`sentinel._asked.put_in`): what answers a yes/no question, or is the passage's own sentence typed in to find it,
    holds the words too, and measures just below. What is pasted beside a question is no part of it.
    """

    manifest = SignalManifest(
        name="question_echo",
        summary="share of the question that a candidate asks",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="against PoisonedRAG, arXiv 2402.07867",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Share of the question, shape (n,); None below four words."""
        length = len(evidence.question_words)
        if length < MIN_WORDS:
            return None
        shared = np.minimum(np.array(evidence.question_run_lengths, dtype=np.float64) / length, SHARED)
        echoed = np.maximum(put_in(evidence, ECHO), asked(evidence, ECHO, ECHO))
        return np.maximum(shared, echoed)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how much of the question a document asks."""
        return f"a document asks {peak(measurement):.0%} of the question"


SHARED = 0.6
"""What sharing words with the question measures at most, short of asking it: a good passage may share all of them."""
