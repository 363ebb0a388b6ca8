"""Normalised words and sentences with their places in the original text, so that a part can be cut out untouched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from sentinel.text import WORD, normalise

MAX_CHARACTERS = 40_000
"""Text beyond this is not looked at: more than any passage, and work per request stays bounded."""

# Each run of stops is read from its first character only, or a text of stops alone would take quadratic time. The set
# of characters stands first, so that what cannot begin a match is passed over without trying one.
_STOP = re.compile(r"[.!?。！？…\n](?:(?<=\n)|(?<![.!?。！？…][.!?。！？…])[.!?。！？…]*+[\"'”’)\]]*+(?=\s|$))")
_CHUNK = re.compile(r"\S+")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*")
_HEAD = 12
"""Characters of a word and what stands around it, mostly."""
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
        found = [(m.group(), m.span()) for m in WORD.finditer(head.casefold())]
    else:
        found = [(word, chunk.span()) for chunk in _CHUNK.finditer(head) for word in _cut(chunk.group())]
    return tuple(word for word, _ in found), tuple(span for _, span in found)


def _cut(chunk: str) -> list[str]:
    """The normalised words of what stands between two spaces."""
    # Without a look at what `normalise` remembers where there is nothing to do.
    return WORD.findall(chunk.casefold() if chunk.isascii() and chunk.isprintable() else normalise(chunk))


def words_within(text: str, span: Span) -> tuple[str, ...]:
    """Those words of `located` that stand in a part of the text that begins and ends at a space.

    Args:
        text: The whole text.
        span: Start and end of the part.
    """
    part = text[span[0] : min(span[1], MAX_CHARACTERS)]
    if _PLAIN.fullmatch(part):
        return tuple(WORD.findall(part.casefold()))
    return tuple([word for chunk in part.split() for word in _cut(chunk)])


def first_words(text: str, span: Span, count: int) -> list[str]:
    """The first few of `words_within`, at the cost of reading no further than they reach."""
    start, end = span[0], min(span[1], MAX_CHARACTERS)
    head = text[start : min(end, start + _HEAD * count)]
    if head.isascii() and head.isprintable():
        found = WORD.findall(head.casefold())
        if len(found) > count or start + len(head) == end:  # else the last of them may have been cut off
            return found[:count]
    found = []
    for chunk in _CHUNK.finditer(text, start, end):
        found += _cut(chunk.group())
        if len(found) >= count:
            break
    return found[:count]


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
