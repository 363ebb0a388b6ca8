"""How much of the query is quoted or pasted."""

from __future__ import annotations

import re

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.text import words
from sentinel.vocabulary import Threat

MIN_BLOCK = 8
"""Words from which a block after a colon or a line break counts as pasted."""
LIMIT = 100_000

_PAIRS = {"“": "”", "„": "“”", "«": "»", "‹": "›", "「": "」", "『": "』", "〝": "〞", "‘": "’"}
_STRAIGHT = re.compile(r"```|\"\"\"|'''|\"|(?<!\w)'(?=\w)|(?<=[\w.,!?])'(?!\w)|`")


def _quoted(text: str) -> list[tuple[int, int]]:
    """Spans inside quotation marks or fences, each mark looked at once."""
    spans: list[tuple[int, int]] = []
    opened: dict[str, int] = {}
    for match in _STRAIGHT.finditer(text):
        mark = match.group()
        if mark in opened:
            spans.append((opened.pop(mark), match.start()))
        else:
            opened[mark] = match.end()
    start, closing = 0, ""
    for i, character in enumerate(text):
        if closing and character in closing:
            spans.append((start, i))
            closing = ""
        elif not closing and character in _PAIRS:
            start, closing = i + 1, _PAIRS[character]
    return spans


def _pasted(text: str) -> list[tuple[int, int]]:
    """Blocks after a colon or line break, and lines marked with ">"."""
    spans: list[tuple[int, int]] = []
    colon = re.search(r":\s", text[:400])
    if colon:
        spans.append((colon.end(), len(text)))
    at = 0
    for line in text.split("\n"):
        if line.lstrip().startswith(">") or (at and len(line) >= 40):
            spans.append((at, at + len(line)))
        at += len(line) + 1
    return [(a, b) for a, b in spans if len(words(text[a:b])) >= MIN_BLOCK and not text[a:b].rstrip().endswith("?")]


class QuotedShare(Signal):
    """Share of the query's characters that are quoted, fenced or pasted as a block, in [0, 1].

    Direct probes and S2MIA hand over a text and add an order to it. People paste excerpts too: a companion of the
    signals that compare wording with a document.
    """

    manifest = SignalManifest(
        name="quoted_share",
        summary="share of the query inside quotation marks, fences or a pasted block",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; 0 where nothing is quoted."""
        text = evidence.request.query.strip()[:LIMIT]
        covered = end = 0
        for a, b in sorted(_quoted(text) + _pasted(text)):
            covered += max(0, b - max(a, end))
            end = max(end, b)
        return min(1.0, covered / len(text))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how much is quoted."""
        return f"{peak(measurement):.0%} of the query is quoted or pasted"
