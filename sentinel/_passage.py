"""What signals and the corpus scan both read off one passage: words, their codes and its sentences, computed once."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from sys import intern
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from sentinel._memory import remembered
from sentinel._stem import stem
from sentinel.text import WORD, cut_by_spaces, normalise, words

Codes = NDArray[np.uint32]
"""Words as 32-bit hashes, stable across processes, shape (n,)."""

MAX_WORDS = 4_000
"""Words of a passage that are looked at: a megabyte of text costs no more than a long chapter."""
MEGABYTES = 64.0
"""What passages may take in memory: some 3,000 of 150 words with all that is read off them."""
CHARACTERS = 40_000
"""Characters of a passage that are looked at."""
_WORD = re.compile(f"({WORD.pattern})")
_BETWEEN = re.compile(r"([.!?。！？…]+(?=\s|$|[\"')\]”’])|\n)|[^\s]")
_UNREAD = object()
_TABLE_WORDS, _LONG_WORD = 1 << 16, 40
"""Words whose codes are remembered: ten megabytes at most."""
Value = TypeVar("Value")


def code(word: str) -> int:
    """The 32-bit code of a normalised word."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, eq=False)
class Passage:
    """One text, taken apart.

    Attributes:
        words: Its normalised words, at most `MAX_WORDS`.
        codes: Their codes, shape (n,).
        stems: The codes of their stems, shape (n,).
        bounds: Where sentences start, as word positions, and n at the end; (0,) for a text without words.
        asks: For each sentence, whether a question mark ends it.
        broken: Whether anything but space stands between a word and the one before it, shape (n,).
        text_words: `sentinel.text.words` of the same text: the same object as `words` where both cut it alike.
        known: What else was read off the text, by the reader's name; see `read_once`.
    """

    words: tuple[str, ...]
    codes: Codes
    stems: Codes
    bounds: tuple[int, ...]
    asks: tuple[bool, ...]
    broken: NDArray[np.bool_]
    text_words: tuple[str, ...]
    known: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def sentences(self) -> list[tuple[int, int]]:
        """Start and end of each sentence, in words."""
        return list(zip(self.bounds, self.bounds[1:], strict=False))


def passage(text: str) -> Passage:
    """Take a text apart, in linear time; the beginning of a long one."""
    return _passage(text[:CHARACTERS])


@remembered(MEGABYTES, bytes_per_character=16.0, longest=CHARACTERS)
def _passage(text: str) -> Passage:
    normal = normalise(text)
    parts = _WORD.split(normal)
    found = tuple(map(intern, parts[1 : 2 * MAX_WORDS : 2]))
    # What stands before each word, and after the last one, or before the first that is not looked at.
    cut = len(parts) > 2 * MAX_WORDS + 1
    gaps = parts[0 : 2 * len(found) : 2]
    kinds = [0 if gap == " " else _gap(gap, True) for gap in gaps]
    kinds.append(_gap(parts[2 * len(found)], cut))
    ends = [at for at, kind in enumerate(kinds) if kind > _BROKEN and at]
    bounds, asks = [0, *ends], [kinds[at] == _ASKED for at in ends]
    if bounds[-1] < len(found):
        bounds.append(len(found))
        asks.append(False)
    whole = found
    if cut or not cut_by_spaces(normal):  # where the two ways of cutting may differ
        whole = words(text)
        found = whole if whole == found else found
    broken = np.frombuffer(bytes(kinds[:-1]), dtype=np.uint8) > 0
    both = _both(found)
    return Passage(found, both.astype(np.uint32), _stems(both), tuple(bounds), tuple(asks), broken, whole)


def words_of(text: str) -> tuple[str, ...]:
    """`sentinel.text.words`, from the text's passage where that holds all of it."""
    return passage(text).text_words if len(text) <= CHARACTERS else words(text)


_BROKEN, _ENDED, _ASKED = 1, 2, 3


def _gap(gap: str, goes_on: bool) -> int:
    """What stands between two words: nothing (0), something, a sentence's end, or the end of a question."""
    return _known_gap(gap, goes_on) if len(gap) <= 4 else _read_gap(gap, goes_on)


def _read_gap(gap: str, goes_on: bool) -> int:
    if not gap or (gap.isspace() and "\n" not in gap):
        return 0
    # A mark that touches the next word ends no sentence.
    ends = [end[0] for end in _BETWEEN.findall(gap + "a" if goes_on else gap) if end]
    if not ends:
        return _BROKEN
    return _ASKED if "?" in ends or "？" in ends else _ENDED


_known_gap = lru_cache(maxsize=1024)(_read_gap)


class _Table(dict[str, int]):
    """The code of a word and of its stem in one number, worked out once; forgotten all together when it grows large."""

    def __missing__(self, word: str) -> int:
        both = code(word) | code(stem(word)) << 32
        if len(word) <= _LONG_WORD:
            if len(self) >= _TABLE_WORDS:
                self.clear()
            self[word] = both
        return both


_table = _Table()


def _both(found: Sequence[str]) -> NDArray[np.uint64]:
    return np.fromiter(map(_table.__getitem__, found), dtype=np.uint64, count=len(found))


def _stems(both: NDArray[np.uint64]) -> Codes:
    return (both >> np.uint64(32)).astype(np.uint32)


def codes_of(found: Sequence[str]) -> Codes:
    """The codes of words, shape (n,)."""
    return _both(found).astype(np.uint32)


def stem_codes(found: Sequence[str]) -> Codes:
    """The codes of words' stems, shape (n,)."""
    return _stems(_both(found))


def read_once(function: Callable[[str], Value]) -> Callable[[str], Value]:
    """Keep what a function reads off a text with the text's passage, to be forgotten together with it.

    Only for functions that read no further than `passage` does.
    """
    name = _known_as(function)

    @wraps(function)
    def call(text: str) -> Value:
        known = passage(text).known
        if name not in known:
            known[name] = function(text)
        return cast(Value, known[name])

    return call


def read_all(reader: Callable[[str], Value], texts: Sequence[str], passages: Sequence[Passage]) -> list[Value]:
    """What a `read_once` function says of each text; the texts' passages save looking them up once more.

    Args:
        reader: A function that `read_once` has wrapped.
        texts: The texts.
        passages: Their passages, in the same order.
    """
    name, unread = _known_as(reader), _UNREAD
    return [
        reader(text) if (one := read.known.get(name, unread)) is unread else cast(Value, one)
        for text, read in zip(texts, passages, strict=True)
    ]


def _known_as(reader: Callable[[str], object]) -> str:
    return f"{reader.__module__}.{reader.__qualname__}"
