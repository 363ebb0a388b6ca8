"""Normalised words and sentences with their places in the original text, so that a part can be cut out untouched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from sentinel.text import normalise

MAX_CHARACTERS = 40_000
"""Text beyond this is not looked at: more than any passage, and work per request stays bounded."""

# Each run of stops is read from its first character only, or a text of stops alone would take quadratic time.
_STOP = re.compile(r"(?<![.!?。！？…])[.!?。！？…]++[\"'”’)\]]*+(?=\s|$)|\n")
_CHUNK = re.compile(r"\S+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*")
Span = tuple[int, int]


@lru_cache(maxsize=2048)
def sentences(text: str) -> tuple[Span, ...]:
    """Start and end of each sentence, without gaps; the last one reaches to the end of the text."""
    ends = [match.end() for match in _STOP.finditer(text, 0, MAX_CHARACTERS)]
    bounds = [0, *ends]
    if len(bounds) > 1 and not text[bounds[-1] :].strip():
        bounds.pop()
    return tuple(pairwise([*bounds, len(text)])) if text else ()


@lru_cache(maxsize=2048)
def located(text: str) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    """The normalised words of a text, and where in the original each one stands.

    A word between spaces that normalisation takes apart shares the place of its parts. Only the first
    `MAX_CHARACTERS` are looked at.
    """
    head = text[:MAX_CHARACTERS]
    if _PLAIN.fullmatch(head):
        found = [(m.group(), m.span()) for m in _WORD.finditer(head.casefold())]
    else:
        found = [
            (word, chunk.span()) for chunk in _CHUNK.finditer(head) for word in _WORD.findall(normalise(chunk.group()))
        ]
    return tuple(word for word, _ in found), tuple(span for _, span in found)


def sentence_words(text: str) -> list[tuple[Span, tuple[str, ...]]]:
    """Each sentence's place, with its normalised words."""
    found, spans = located(text)
    result: list[tuple[Span, tuple[str, ...]]] = []
    at = 0
    for start, end in sentences(text):
        first = at
        while at < len(spans) and spans[at][0] < end:
            at += 1
        result.append(((start, end), found[first:at]))
    return result


def without(text: str, cut: Iterable[Span]) -> str:
    """The text without some of its sentences; every other character stays as it is."""
    kept: list[str] = []
    at = 0
    for start, end in sorted(cut):
        kept.append(text[at : max(start, at)])
        at = max(at, end)
    kept.append(text[at:])
    return "".join(kept)
