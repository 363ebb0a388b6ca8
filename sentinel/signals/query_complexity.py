"""How much of the query is neither words nor ordinary punctuation (M_CMP of ADO, mended)."""

from __future__ import annotations

import re
import unicodedata

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

LIMIT = 20_000

_ORDINARY = frozenset(".,;:!?'\"-()/%&’‘“”«»–—…¿¡。、，？！：；")
_RUNS = re.compile(r"[^\w\s]{1,1000}")


class QueryComplexity(Signal):
    """Share of odd characters: symbols, and punctuation from the fourth in a row on, in [0, 1].

    ADO (arXiv 2604.20932) takes the share of characters that are not alphanumeric; that grows with every comma and
    with every vowel sign of Hindi. Here marks belong to their letters and ordinary punctuation is free, so that what
    is left are optimised suffixes (DGEA's "! ! !", arXiv 2409.08045), code and markup.
    """

    manifest = SignalManifest(
        name="query_complexity",
        summary="share of symbols and piled-up punctuation",
        stage=Stage.QUERY,
        threats=frozenset({Threat.INJECTION, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        source="M_CMP of arXiv 2604.20932, mended",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; 0 for ordinary sentences of any language."""
        text = "".join(evidence.request.query[:LIMIT].split())
        if not text:
            return None
        odd = 0
        for match in _RUNS.finditer(text):
            run = match.group()
            symbols = sum(c not in _ORDINARY and not unicodedata.category(c).startswith(("M", "Cf")) for c in run)
            odd += max(symbols, len(run) - 3 if symbols < len(run) and _plain(run) else 0)
        return odd / len(text)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say which share is odd."""
        return f"{peak(measurement):.0%} of the query's characters are symbols or piled-up punctuation"


def _plain(run: str) -> bool:
    return all(c in _ORDINARY for c in run)
