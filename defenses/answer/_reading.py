"""How answer defenses read a text: words with their places, taken piece by piece from left to right.

A piece reads the same whatever is written after it, so that an answer can be checked while it is still being written.
Nothing is left unread: what a guard does not look at, it would let out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from sentinel.text import normalise

ELISION = "[…]"
"""Stands in place of what was cut."""
REACH = 3
"""Words further apart than this are not neighbours; a cut counts as that many words."""
MARGIN = 8
"""Characters after a piece that can still change where it ends."""
_GLUED = 16
"""Letters from which a word may be several, written together."""
_LONGEST = 24

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_PIECE = re.compile(
    r"(?P<cut>\[…\])"
    r"|(?P<spelled>(?:[^\W_] ){1,31}[^\W_](?![^\W_]))"  # w o r d
    rf"|[{_UNSPACED}]"
    rf"|(?:(?!\[…\])[^\s{_UNSPACED}]){{1,64}}"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


class Word(NamedTuple):
    """A normalised word and the place of its piece, which it may share with others. A cut is an empty word."""

    text: str
    start: int
    end: int


def read(text: str, final: bool = True, vocabulary: frozenset[str] = frozenset()) -> list[Word]:
    """The words of a text.

    Words that are spelled out (w-o-r-d, w o r d) are put together again; long ones are taken apart where they are
    made of words of the vocabulary. A cut stands as `REACH` empty words.

    Args:
        text: Any text, however long.
        final: False leaves out what may still read differently once more is written.
        vocabulary: Normalised words.
    """
    found: list[Word] = []
    until = len(text) if final else len(text) - MARGIN
    for piece in _PIECE.finditer(text):
        start, end = piece.span()
        if end > until:
            break
        if piece.lastgroup == "cut":
            found.extend([Word("", start, end)] * REACH)
        elif piece.lastgroup == "spelled":
            found.extend(_apart(normalise(piece.group().replace(" ", "")), start, end, vocabulary, least=8))
        else:
            found.extend(_words(piece.group(), start, end, vocabulary))
    return found


def _words(piece: str, start: int, end: int, vocabulary: frozenset[str]) -> list[Word]:
    plain = piece.isascii() and piece.isprintable()
    found = _WORD.findall(piece.lower() if plain else normalise(piece))
    if len(found) >= 3 and all(len(word) == 1 for word in found):
        return _apart("".join(found), start, end, vocabulary, least=8)
    if any(len(word) >= _GLUED for word in found):
        return [part for word in found for part in _apart(word, start, end, vocabulary, least=_GLUED)]
    return [Word(word, start, end) for word in found]


def _apart(word: str, start: int, end: int, vocabulary: frozenset[str], *, least: int) -> list[Word]:
    """A word, or the known words that it is made of: from the left, the longest that fits."""
    if len(word) < least or not vocabulary or word in vocabulary:
        return [Word(word, start, end)] if word else []
    parts: list[Word] = []
    at = 0
    while at < len(word):
        length = next((n for n in range(min(_LONGEST, len(word) - at), 1, -1) if word[at : at + n] in vocabulary), 0)
        if length:
            parts.append(Word(word[at : at + length], start, end))
        at += length or 1
    return parts if len(parts) > 1 else [Word(word, start, end)]


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    # Beside a Latin letter a look-alike is read as the Latin letter that it passes for.
    bare = normalise(f"x{character}")[1:]
    return "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))


def fold(text: str) -> tuple[str, list[int] | range]:
    """A text in lower case, look-alikes and widths undone, without invisible characters and accents.

    Returns:
        The folded text, and for each of its characters the place in the text that it comes from.
    """
    if text.isascii() and text.isprintable():
        return text.lower(), range(len(text))
    folded: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        for letter in character if character.isspace() else _fold(character):
            folded.append(letter)
            places.append(at)
    return "".join(folded), places
