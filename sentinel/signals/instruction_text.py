"""Does a candidate give a model orders?"""

from __future__ import annotations

import numpy as np

from sentinel._markers import instruction
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class InstructionText(Signal):
    """How far a candidate addresses a model and tells it what to do, in [0, 1].

    Families of words that must meet within a few words (an order and its addressee, "when asked" and a verb of
    speech, "ignore" and what came before) and role markers; not whole phrases, so that a paraphrase has to leave the
    family. English: a text in another language scores 0 here whatever it says.
    """

    manifest = SignalManifest(
        name="instruction_text",
        summary="text in a candidate that gives a model orders",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.INJECTION, Threat.POISONING}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="against Greshake et al., arXiv 2302.12173, and the PIA of RobustRAG, arXiv 2405.15556",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Score in [0, 1], shape (n,), NaN for a text without words."""
        found = zip(evidence.texts, evidence.read(instruction), strict=True)
        return np.array([score if text.strip() else np.nan for text, score in found], dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that a document gives orders."""
        return f"a document addresses a model with orders (strength {peak(measurement):.1f} of 1)"
