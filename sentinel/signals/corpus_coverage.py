"""How much of the corpus the client has been handed already."""

from __future__ import annotations

import math

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

UNKNOWN_SIZE = 1_000_000


class CorpusCoverage(Signal):
    """Distinct documents that the client was served lately, by number and by yield, in [0, 1].

    log(1 + distinct) / log(1 + corpus) * distinct / served. An extraction crawl (arXiv 2411.14110, 2601.15678) wants
    every request to bring documents that it has not got; a reader comes back to the same ones. "Lately" is this day
    and the one before. Without a corpus profile a million documents are assumed.
    """

    manifest = SignalManifest(
        name="corpus_coverage",
        summary="distinct documents handed to the client lately, by number and by yield",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
        source="against CopyBreak, arXiv 2411.14110, and RAGCrawler, arXiv 2601.15678",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1], what this request would bring included; None without history or candidates."""
        history = evidence.history
        keys = tuple(hit.key for hit in evidence.served.hits)
        if history is None or not keys:
            return None
        size = evidence.corpus.documents if evidence.corpus is not None else UNKNOWN_SIZE
        found = history.distinct(keys)
        fresh = min(1.0, found / (sum(history.served) + len(keys)))
        return min(1.0, math.log1p(found) / math.log1p(size)) * fresh

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that the client collects documents."""
        return f"the client collects ever new documents (coverage {peak(measurement):.2f})"
