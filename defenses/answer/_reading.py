"""How answer defenses read a text: words with their places, taken piece by piece from left to right.

A piece reads the same whatever is written after it, so that an answer can be checked while it is still being written.
Nothing is left unread: what a guard does not look at, it would let out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from sentinel.text import WORD, normalise

ELISION = "[…]"
"""Stands in place of what was cut."""
REACH = 3
"""Words further apart than this are not neighbours; a cut counts as that many words."""
MARGIN = 8
"""Characters after a piece that can still change where it ends."""
_GLUED = 16
"""Letters from which a word may be several, written together, with letters between them that nobody knows."""
_PAIR = 4
"""Letters from which a word may be two known ones, written together."""
_LONGEST = 24
_UNKNOWN, _SINGLE, _KNOWN = 3, 2, 1
"""What a letter that belongs to no known word costs, a known word of one letter, and a longer one."""

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_PIECE = re.compile(
    r"(?P<cut>\[…\])"
    r"|(?P<spelled>(?:[^\W_] ){1,31}[^\W_](?![^\W_]))"  # w o r d
    rf"|[{_UNSPACED}]"
    rf"|(?:(?!\[…\])[^\s{_UNSPACED}]){{1,512}}"
)


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
    found = WORD.findall(piece.lower() if plain else normalise(piece))
    if len(found) >= 3 and all(len(word) == 1 for word in found):
        return _apart("".join(found), start, end, vocabulary, least=8)
    if not vocabulary or all(len(word) < _PAIR or word in vocabulary for word in found):
        return [Word(word, start, end) for word in found]
    # Where one word is many, so are its neighbours, which a sign or a number cut short.
    glued = any(len(word) >= _GLUED for word in found)
    least = 2 if glued else _PAIR
    return [part for word in found for part in _apart(word, start, end, vocabulary, least=least, whole=not glued)]


def _apart(
    word: str, start: int, end: int, vocabulary: frozenset[str], *, least: int, whole: bool = False
) -> list[Word]:
    """A word, or the known words that it is made of; with `whole` only if it is made of a few of them and nothing else.

    A word that nobody knows can be cut into letters and syllables that stand somewhere. To read one word as many would
    part a quotation that it was put into.
    """
    if len(word) < least or not vocabulary or word in vocabulary:
        return [Word(word, start, end)] if word else []
    parts, covered = _parts(word, vocabulary)
    few = max(2, len(word) // 3)
    if len(parts) < 2 or (whole and not (covered and len(parts) <= few and sum(len(p) == 1 for p in parts) < 2)):
        return [Word(word, start, end)]
    return [Word(part, start, end) for part in parts]


@lru_cache(maxsize=1024)
def _parts(word: str, vocabulary: frozenset[str]) -> tuple[tuple[str, ...], bool]:
    """The known words in a row of letters, as few and with as few letters left over as can be; and if none are.

    Every way of parting is weighed: the longest word from the left would often be the end of one and the beginning
    of the next, and all that follows would be lost.
    """
    lengths = _lengths(vocabulary)
    cost = [0, *(_UNKNOWN * at for at in range(1, len(word) + 1))]
    came = list(range(-1, len(word)))
    known = [False] * (len(word) + 1)
    for at in range(len(word)):
        if cost[at] + _UNKNOWN < cost[at + 1]:
            cost[at + 1], came[at + 1], known[at + 1] = cost[at] + _UNKNOWN, at, False
        for length in lengths.get(word[at : at + 2], ()) + lengths.get(word[at], ()):
            stop = at + length
            price = cost[at] + (_SINGLE if length == 1 else _KNOWN)
            if stop <= len(word) and price < cost[stop] and word[at:stop] in vocabulary:
                cost[stop], came[stop], known[stop] = price, at, True
    parts: list[str] = []
    covered = True
    at = len(word)
    while at > 0:
        if known[at]:
            parts.append(word[came[at] : at])
        covered = covered and known[at]
        at = came[at]
    return tuple(reversed(parts)), covered


@lru_cache(maxsize=16)
def _lengths(vocabulary: frozenset[str]) -> dict[str, tuple[int, ...]]:
    """How long known words are that begin with these two letters, or are this one."""
    found: dict[str, set[int]] = {}
    for word in vocabulary:
        if word and len(word) <= _LONGEST:
            found.setdefault(word[:2], set()).add(len(word))
    return {begin: tuple(sorted(lengths)) for begin, lengths in found.items()}


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
