"""What signals and the corpus scan both read off one passage: words, their codes and its sentences, computed once."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentinel.text import normalise

Codes = NDArray[np.uint32]
"""Words as 32-bit hashes, stable across processes, shape (n,)."""

MAX_WORDS = 4_000
"""Words of a passage that are looked at: a megabyte of text costs no more than a long chapter."""
_CHARACTERS = 40_000
_TOKEN = re.compile(r"([^\W_]+(?:['’][^\W_]+)?)|([.!?。！？…]+(?=\s|$|[\"')\]”’])|\n)|[^\s]")


@lru_cache(maxsize=65_536)
def code(word: str) -> int:
    """The 32-bit code of a normalised word."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, eq=False)
class Passage:
    """One text, taken apart.

    Attributes:
        words: Its normalised words, at most `MAX_WORDS`.
        codes: Their codes, shape (n,).
        bounds: Where sentences start, as word positions, and n at the end; (0,) for a text without words.
        asks: For each sentence, whether a question mark ends it.
        broken: Whether anything but space stands between a word and the one before it, shape (n,).
    """

    words: tuple[str, ...]
    codes: Codes
    bounds: tuple[int, ...]
    asks: tuple[bool, ...]
    broken: NDArray[np.bool_]

    @property
    def sentences(self) -> list[tuple[int, int]]:
        """Start and end of each sentence, in words."""
        return list(zip(self.bounds, self.bounds[1:], strict=False))


@lru_cache(maxsize=8192)
def passage(text: str) -> Passage:
    """Take a text apart, in linear time."""
    found: list[str] = []
    broken: list[bool] = []
    bounds = [0]
    asks: list[bool] = []
    apart = False
    for match in _TOKEN.finditer(normalise(text[:_CHARACTERS])):
        word, end = match.groups()
        if word is not None:
            if len(found) == MAX_WORDS:
                break
            found.append(word)
            broken.append(apart)
            apart = False
            continue
        apart = True
        if end is None:
            continue
        if bounds[-1] < len(found):
            bounds.append(len(found))
            asks.append(end[0] in "?？")
        elif asks and end[0] in "?？":
            asks[-1] = True
    if bounds[-1] < len(found):
        bounds.append(len(found))
        asks.append(False)
    codes = np.fromiter(map(code, found), dtype=np.uint32, count=len(found))
    return Passage(tuple(found), codes, tuple(bounds), tuple(asks), np.array(broken, dtype=np.bool_))
