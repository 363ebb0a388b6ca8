"""How many words does the query share with one stretch of a candidate, in the same order but not word for word?"""

from __future__ import annotations

from sentinel._alignment import aligned
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class AlignedChain(Signal):
    """How many rare words of the query stand in one stretch of a candidate in the same order, out of step.

    The share alone is high for any short question that its passage answers; no question of a person's own wording
    has fifteen rare words in the order of one document. Who pastes an excerpt copies it in step, word for word, which
    `verbatim_run` measures: the longest part of the chain that is in step does not count. Words taken out of a text
    (MBA, arXiv 2410.20142) put what follows out of step.
    """

    manifest = SignalManifest(
        name="aligned_chain",
        summary="rare words of the query that a candidate has in the same order, pasted ones not counted",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="ours, against MBA, arXiv 2410.20142, without markers",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Words of the best chain out of step, shape (n,); None without a scan or with fewer than three rare words."""
        found = aligned(evidence)
        return None if found is None else found.length - found.in_step

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many words follow a passage."""
        return f"{peak(measurement):.0f} rare words of the query follow one passage in the same order, with gaps"
