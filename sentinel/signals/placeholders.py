"""Blanks to be filled in: what a mask-based membership probe is made of."""

from __future__ import annotations

import re

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.text import MAX_TEXT_CHARACTERS, normalise
from sentinel.vocabulary import Threat

_NAME = r"(?:mask|blank|gap|hidden|redacted|removed|missing|fill|token|slot|word|placeholder|unk|tbd|deleted|x{1,8})"
_TAGGED = re.compile(rf"[\[<({{«【⟨|]{{1,3}}[ /|]?{_NAME}(?:[ _#:.-]?\d{{1,4}})?[ |]?[\]>)}}»】⟩|]{{1,3}}")
"""A word for a gap in brackets of any kind: [MASK_1], <mask>, {{blank}}, (gap 2), <|mask|>."""
_BARE = re.compile(rf"\b{_NAME}_\d{{1,4}}\b")
"""The same without brackets: MASK_3."""
_BRACED = re.compile(r"\{\{[^{}\n]{0,40}\}\}|<extra_id_\d{1,3}>|\$\{[^{}\n]{0,40}\}|%[a-z]{1,20}%")
"""Template variables: {{x}}, ${x}, %name%, T5's <extra_id_0>."""
_NUMBERED = re.compile(r"(?:(?<=\s)|^)[(\[]\s?\d{0,3}\s?[)\]](?=\s[a-z])|(?<=[a-z,])\s[(\[]\s{0,3}[)\]]")
"""A bare number or nothing in brackets amid a sentence: (1), [2], ( )."""
_DRAWN = re.compile(r"(?<![_\-.*…?■□█▁—–#~])(?:_{2,}|-{3,}|\*{3,}|…{2,}|\.{4,}|\?{3,}|[■□█▁]+|—{2,}|–{2,}|#{3,}|~{3,})")
"""A gap that is drawn: ____, ----, ......, ???, ■■■."""
_ELLIPSIS = re.compile(r"(?<=[\w,])\s(?:…|\.\.\.)(?=\s[a-z])")
"""An ellipsis amid a sentence, with words on both sides."""


def count_blanks(text: str) -> int:
    """How many blanks stand in a normalised text; one that several patterns find counts once.

    "(1)" and "..." may be references, list items and hesitation; alone, they are no blanks until two stand there.
    """
    certain = _spans(text, (_TAGGED, _BARE, _BRACED, _DRAWN))
    unsure = _spans(text, (_NUMBERED, _ELLIPSIS))
    return certain + (unsure if unsure >= 2 or certain else 0)


def _spans(text: str, patterns: tuple[re.Pattern[str], ...]) -> int:
    count = end = 0
    for a, b in sorted(match.span() for pattern in patterns for match in pattern.finditer(text)):
        count += a >= end
        end = max(end, b)
    return count


class Placeholders(Signal):
    """How much of the query is blanks: n / (n + 2) for n blanks, in [0, 1].

    One blank is a form to be filled in, five are MBA (arXiv 2410.20142 masks 5 to 20 words of the target).
    The number counts and not the share of words, which padding would dilute.
    """

    manifest = SignalManifest(
        name="placeholders",
        summary="masks and blanks to be filled in",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        source="against MBA, arXiv 2410.20142",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """0 without blanks, 1/3 with one, 5/7 with five."""
        query = evidence.request.query
        blanks = 0
        for start in range(0, len(query), MAX_TEXT_CHARACTERS):
            blanks += count_blanks(_lines(query[start : start + MAX_TEXT_CHARACTERS]))
        return blanks / (blanks + 2)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how many blanks there are."""
        share = peak(measurement)
        return f"the query holds {2 * share / (1 - share):.0f} blanks to be filled in" if share < 1 else "blanks"


def _lines(text: str) -> str:
    # NFKC turns "…" into three dots; rules and fences on lines of their own are layout, no gaps.
    kept = [line for line in normalise(text).split("\n") if any(c.isalnum() for c in line)]
    return "\n".join(kept)
