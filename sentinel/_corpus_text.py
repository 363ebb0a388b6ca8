"""Word statistics of a corpus in tables of fixed size: document frequencies and a bigram model over hashed words.

Every table is a sum over documents, so that scanning in pieces gives exactly what scanning at once gives. Hashing
(Weinberger et al., 2009) bounds memory whatever the vocabulary; a collision can only make a word look more common.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sentinel._memory import Memory, remembered
from sentinel._passage import Codes, code, passage
from sentinel.errors import DataError

WORD_BUCKETS = 1 << 17
PAIR_BUCKETS = 1 << 20
LENGTH_BINS = 64
SIZE = 3 * WORD_BUCKETS + PAIR_BUCKETS + LENGTH_BINS
BACK_OFF = 5.0
"""Occurrences of a word from which its own successors count as much as the words of the corpus at large."""
UNSEEN = 0.1
FREQUENT = 1e-3
"""Share of all words from which a word is one that holds sentences together."""
FOREIGN = 0.65
"""Share of words that no other text has from which a text is of another language."""
LEAST_TOKENS = 5_000
LEAST_WORDS = 8
_VOCABULARY = 300_000
_APART = -1e9
_TOGETHER = 256
_SECOND = np.uint32(0x9E3779B1)
_PAIR = np.uint32(0x85EBCA6B)


def _first(codes: Codes) -> NDArray[np.intp]:
    return (codes & np.uint32(WORD_BUCKETS - 1)).astype(np.intp)


def _second(codes: Codes) -> NDArray[np.intp]:
    return ((codes * _SECOND) >> np.uint32(15)).astype(np.intp)


def _pairs(codes: Codes) -> NDArray[np.intp]:
    mixed = (codes[:-1] * _SECOND) ^ (codes[1:] * _PAIR)
    places: NDArray[np.intp] = ((mixed ^ (mixed >> np.uint32(13))) & np.uint32(PAIR_BUCKETS - 1)).astype(np.intp)
    return places


def _length_bin(words: int) -> int:
    return min(LENGTH_BINS - 1, round(5.0 * math.log2(words + 1)))


class TextStatistics:
    """How often words stand in a corpus, how they follow each other, and how long documents are.

    Not changed once it is made: `with_texts` gives a new one. Compared by identity, so that results are cached by it.

    Args:
        documents: How many documents were counted.
        counts: Shape (`SIZE`,), uint32: two rows of document frequencies (a count-min sketch), occurrences of words,
            occurrences of pairs, and document lengths in logarithmic bins, one after another.
    """

    def __init__(self, documents: int = 0, counts: NDArray[np.uint32] | None = None) -> None:
        counts = np.zeros(SIZE, np.uint32) if counts is None else counts
        if counts.shape != (SIZE,) or counts.dtype != np.uint32:
            raise DataError(f"text statistics must be {SIZE:,} whole numbers, not {counts.shape} of {counts.dtype}")
        self.documents = documents
        self.counts = counts
        cuts = np.split(counts, np.cumsum([WORD_BUCKETS] * 3 + [PAIR_BUCKETS]))
        self._frequency, self._again, self._words, self._pairs, self._lengths = cuts
        self.idfs = remembered(4)(self._idfs)
        self.surprise = remembered(4)(self._surprise)
        self._known_masses: Memory[float] = Memory(8, bytes_per_character=1.0)
        self._known_salads: Memory[float] = Memory(8, bytes_per_character=1.0)
        self._idf_of_word = lru_cache(maxsize=65_536)(self._idf)

    def with_texts(self, texts: Iterable[str]) -> TextStatistics:
        """The statistics with further documents counted in; each text is read once and not kept."""
        new = TextStatistics(self.documents, self.counts.copy())
        waiting: list[Codes] = []
        for text in texts:
            waiting.append(passage(text).codes)
            if len(waiting) == _TOGETHER:
                new._count(waiting)
                waiting = []
        new._count(waiting)
        return new

    def _count(self, texts: list[Codes]) -> None:
        if not texts:
            return
        distinct = np.concatenate([_distinct(codes) for codes in texts])
        _add(self._frequency, _first(distinct))
        _add(self._again, _second(distinct))
        _add(self._words, _first(np.concatenate(texts)))
        _add(self._pairs, np.concatenate([_pairs(codes) for codes in texts]))
        _add(self._lengths, np.array([_length_bin(len(codes)) for codes in texts], dtype=np.intp))
        self.documents += len(texts)

    @property
    def tokens(self) -> int:
        """Words counted, repetitions included."""
        return int(self._words.sum(dtype=np.int64))

    def idf(self, word: str) -> float:
        """Inverse document frequency ln((n + 1) / (df + 1/2)) of a normalised word, at least 0."""
        return self._idf_of_word(code(word))

    def _idf(self, one: int) -> float:
        return float(self._weights(np.array([one], np.uint32))[0])

    def _weights(self, codes: Codes) -> NDArray[np.float64]:
        frequency = np.minimum(self._frequency[_first(codes)], self._again[_second(codes)])
        weights: NDArray[np.float64] = np.maximum(np.log((self.documents + 1) / (frequency + 0.5)), 0.0)
        return weights

    def _idfs(self, text: str) -> NDArray[np.float64]:
        """The idf of each word of a text, shape (n,). Cached as `idfs`."""
        return self._weights(passage(text).codes)

    def masses(self, texts: Sequence[str]) -> list[float]:
        """For each text the sum of the idf of its distinct words."""
        return self._known_masses.all(texts, self._masses)

    def _masses(self, texts: list[str]) -> list[float]:
        # Looked up for all texts at once: numpy takes as long to be called as to look up a passage's words.
        words = [_distinct(passage(text).codes) for text in texts]
        weights = np.split(self._weights(np.concatenate(words)), np.cumsum([len(one) for one in words[:-1]]))
        return [float(weight.sum()) for weight in weights]

    def _surprise(self, text: str) -> NDArray[np.float64]:
        """Bits of surprise at each word of a text, shape (n,), its own occurrences left out of the counts.

        Interpolated bigrams (Jelinek and Mercer, 1980): a word after one that was seen c times is predicted by that
        word's successors with weight c / (c + `BACK_OFF`), by the words of the corpus for the rest. Leaving out what
        the text itself put into the table makes a planted text no likelier for having been scanned.
        Cached as `surprise`.
        """
        codes = passage(text).codes
        if not len(codes):
            return np.zeros(0)
        place = _first(codes)
        seen = np.maximum(self._words[place].astype(np.float64) - _own(place), 0.0)
        alone = (seen + UNSEEN) / (self._total + UNSEEN * _VOCABULARY)
        likely = alone.copy()
        if len(codes) > 1:
            pair = _pairs(codes)
            before = seen[:-1]
            together = np.minimum(np.maximum(self._pairs[pair].astype(np.float64) - _own(pair), 0.0), before)
            trust = before / (before + BACK_OFF)
            likely[1:] = trust * np.divide(together, before, out=np.zeros_like(before), where=before > 0)
            likely[1:] += (1.0 - trust) * alone[1:]
        bits: NDArray[np.float64] = -np.log2(likely)
        return bits

    def salad(self, text: str) -> float:
        """`salads` of one text."""
        return self.salads([text])[0]

    def salads(self, texts: Sequence[str]) -> list[float]:
        """For each text the length of the longest stretch that no grammar holds together, in words.

        In a stretch each rare word counts 1, each of the corpus's frequent words -2, each break by punctuation or
        a pair of words that some other text has too -1; the largest sum over all stretches counts (Kadane). Running
        text comes to a handful: it cannot go on for ten words without "of" or a comma. Optimised tokens can. The
        frequent words are the corpus's own, whatever its language; a text of which hardly a word is known is of
        another language and not judged.

        Returns:
            At least 0; NaN where the corpus or the text is too small, or the text of another language.
        """
        return self._known_salads.all(texts, self._salads)

    def _salads(self, texts: list[str]) -> list[float]:
        read = [passage(text) for text in texts]
        long = [i for i, one in enumerate(read) if len(one.codes) >= LEAST_WORDS]
        found = [math.nan] * len(texts)
        if not long or self._total < LEAST_TOKENS:
            return found
        # All texts end to end, each behind a step down that no stretch survives.
        lengths = np.array([len(read[i].codes) for i in long])
        starts = np.cumsum(lengths) - lengths
        codes = np.concatenate([read[i].codes for i in long])
        place, pair = _first(codes), _pairs(codes)
        cuts = list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))
        seen = self._words[place].astype(np.float64) - np.concatenate([_own(place[a:b]) for a, b in cuts])
        seen = np.maximum(seen, 0.0)
        steps = np.where(seen > FREQUENT * self._total, -2.0, 1.0) - np.concatenate([read[i].broken for i in long])
        within = np.zeros(len(codes), np.bool_)
        for a, b in cuts:
            within[a + 1 : b] = self._pairs[pair[a : b - 1]] > _own(pair[a : b - 1])
        steps -= within & (steps > -1.0)
        sums = np.cumsum(np.insert(steps, starts, _APART))
        heights = sums - np.minimum.accumulate(sums)
        best = np.maximum.reduceat(heights, starts + np.arange(len(long)))
        foreign = np.add.reduceat((seen == 0).astype(np.int64), starts) / lengths > FOREIGN
        for i, height, other in zip(long, best.tolist(), foreign.tolist(), strict=True):
            found[i] = math.nan if other else height
        return found

    @cached_property
    def _total(self) -> int:
        return self.tokens

    @cached_property
    def entropy(self) -> float:
        """Bits per word of the corpus without context: what a word drawn at random from it costs on average."""
        counts = self._words[self._words > 0].astype(np.float64)
        if not counts.size:
            return 0.0
        share = counts / counts.sum()
        return float(-(share * np.log2(share)).sum())

    def shorter_share(self, words: int) -> float:
        """Share of the corpus's documents that are shorter than a text of that many words (ties count half)."""
        return float(self._shorter[_length_bin(words)])

    @cached_property
    def _shorter(self) -> NDArray[np.float64]:
        lengths = self._lengths.astype(np.float64)
        shares: NDArray[np.float64] = (np.cumsum(lengths) - 0.5 * lengths) / max(self.documents, 1)
        return shares


def _add(table: NDArray[np.uint32], places: NDArray[np.intp]) -> None:
    found, counts = np.unique(places, return_counts=True)
    table[found] += counts.astype(np.uint32)


def _distinct(codes: Codes) -> Codes:
    """The distinct codes, ascending."""
    ordered = np.sort(codes)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


_counters = threading.local()


def _own(places: NDArray[np.intp]) -> NDArray[np.float64]:
    """How often each entry, a place in one of the tables, stands in the array itself."""
    table: NDArray[np.uint16] | None = getattr(_counters, "table", None)
    if table is None:
        # Counting in a table, wiped after use, costs a fifth of sorting; two megabytes a thread at most.
        table = _counters.table = np.zeros(PAIR_BUCKETS, np.uint16)
    try:
        np.add.at(table, places, np.uint16(1))  # of the table's type: thirty times faster than a plain 1
        return table[places].astype(np.float64)
    finally:
        table[places] = 0
