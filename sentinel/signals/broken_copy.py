"""How much of the query is a copy of one candidate in which words are missing or put differently."""

from __future__ import annotations

from sentinel._broken import broken
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class BrokenCopy(Signal):
    """Words of the query that stand around each other in a candidate as they do in the query, and in many pieces.

    A masked text without its marks (MBA, arXiv 2410.20142) and a paraphrase by other forms of the same words keep most
    words where they were, function words too, and a run of them is never long. `aligned_chain` counts rare words, of
    which twenty words of a record have too few; a pasted excerpt has no gap.
    """

    manifest = SignalManifest(
        name="broken_copy",
        summary="how much of the query is a copy of one candidate with words missing or changed",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        per_candidate=True,
        source="ours, against MBA, arXiv 2410.20142, in pieces and without markers",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Words (see `sentinel._broken.broken`), shape (n,); None without query words."""
        return broken(evidence) if evidence.query_words else None

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many words are copied in pieces."""
        return f"{peak(measurement):.0f} words of the query are a copy of one document with something changed in it"
