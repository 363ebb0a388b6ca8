"""How long a stretch of the query stands word for word in one candidate."""

from __future__ import annotations

import numpy as np

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class VerbatimRun(Signal):
    """Longest run of consecutive query words in each candidate, in words.

    A membership probe (MBA, S2MIA, direct questions) carries a stretch of its target; a question that a person
    thinks up seldom repeats more than a name or a title. Placeholders cut the stretch, which is why
    `ngram_containment` stands beside it.
    """

    manifest = SignalManifest(
        name="verbatim_run",
        summary="longest run of the query's words that stands in one candidate",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.POISONING}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Words in the longest shared run, shape (n,), 0 where nothing is shared; None without query words."""
        if not evidence.query_words:
            return None
        return np.array(evidence.run_lengths, dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many words in a row coincide."""
        return f"{peak(measurement):.0f} words in a row of the query stand in one document"
