"""What one request adds to its client's history, in hashes: no text of the client's is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinel._memory import remembered
from sentinel._passage import words_of
from sentinel.sketch import BLOOM_BYTES, bloom, bottom, hashes, project
from sentinel.vocabulary import Vector
from sentinel.wording import content_words, yes_no_form

MAX_HITS = 10
"""Documents of one request that enter a history, however large k is."""
MAX_WORDS = 400
"""Words of one document, or of the query, that are looked at here."""

CLOSED = math.log(0.96 / 0.5)
OPEN = math.log(0.04 / 0.5)
"""Evidence of one question's form, log P(form | interrogation) / P(form | drill-down).

An interrogation (arXiv 2502.00306) asks yes/no questions by construction, at most one in 25 is none; people who read
up on a document ask them half of the time. +0.652 and -2.526.
"""
MAX_RANK = 3
MIN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that a query brings back.

    Attributes:
        key: 64-bit hash of its text.
        share: Share of the query's content weight that stands in it; None if the query has no content words.
        rank: 0-based, by similarity where it is known.
    """

    key: int
    share: float | None
    rank: int

    def run_evidence(self, yes_no: bool | None) -> float:
        """What a question of this form says for an interrogation of this document; 0 if it does not concern it."""
        if yes_no is None or self.rank >= MAX_RANK or self.share is None:
            return 0.0
        if yes_no:
            return CLOSED if self.share >= MIN_SHARE else 0.0
        return OPEN * min(1.0, self.share / MIN_SHARE)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one request adds to its client's history.

    Attributes:
        words: Bottom-k hashes of the query's content words, sorted.
        sketch: Signs of random projections of the query vector; None without one.
        yes_no: Whether the query wants a yes or a no; None if that cannot be said.
        hits: The documents that the base would have served, each text once.
        served_words: Bloom filter over their content words.
    """

    words: NDArray[np.uint32]
    sketch: bytes | None = None
    yes_no: bool | None = None
    hits: tuple[Hit, ...] = ()
    served_words: bytes = bytes(BLOOM_BYTES)

    def served(self, first: int) -> Observation:
        """The observation of what the base would have served: its first few documents."""
        first = min(first, MAX_HITS)
        hits = tuple([hit for hit in self.hits if hit.rank < first])
        return Observation(self.words, self.sketch, self.yes_no, hits, self.served_words)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query alone adds to its client's history, and what its documents are weighed by.

    Attributes:
        words: Bottom-k hashes of its content words, sorted.
        sketch: See `Observation`.
        yes_no: See `Observation`.
        weights: Weight of each content word.
        total: Their sum.
    """

    words: NDArray[np.uint32]
    sketch: bytes | None
    yes_no: bool | None
    weights: dict[str, float]
    total: float


def read_query(
    query: str, query_words: Sequence[str], vector: Vector | None, idf: Callable[[str], float | None] | None
) -> Asked:
    """Read a query once for both stages of its request.

    Args:
        query: The text as the client wrote it.
        query_words: Its normalised words.
        vector: Its unit vector, if known.
        idf: Weight of a word in the corpus; None, or None for a word, weighs a word by the logarithm of its length.
    """
    content = content_words(query_words)[:MAX_WORDS]
    known = {w: idf(w) for w in content} if idf else {}
    if known and None not in known.values():
        weights = {w: max(0.0, value) for w, value in known.items() if value is not None}
    else:
        weights = {w: math.log2(1 + len(w)) for w in content}
    usable = vector is not None and vector.ndim == 1 and vector.size and bool(np.isfinite(vector).all())
    return Asked(
        bottom(hashes(content)),
        project(vector) if usable and vector is not None else None,
        yes_no_form(query),
        weights,
        sum(weights.values()),
    )


@remembered(8, bytes_per_character=1.0)
def content_filter(text: str) -> int:
    """The bits of a Bloom filter over a document's first content words, as a number."""
    held = content_words(words_of(text)[:MAX_WORDS])
    return int.from_bytes(bloom(hashes(held)), "little") if held else 0


def observe(
    asked: Asked,
    texts: Sequence[str],
    keys: Sequence[int],
    shared: Sequence[Container[str]],
    order: Sequence[int],
    served: int,
) -> Observation:
    """Observe one request.

    Args:
        asked: What its query says.
        texts: The candidates' texts.
        keys: Their history keys.
        shared: For each candidate which of the query's words stand in it.
        order: Indices of the candidates, best first.
        served: How many of them the base would have served.
    """
    weights, total = asked.weights, asked.total
    hits: dict[int, Hit] = {}
    filters = 0
    for i in order:
        key = keys[i]
        if key in hits:
            continue  # a copy is no second document
        here = shared[i]
        share = sum([weight for word, weight in weights.items() if word in here]) / total if total > 0 else None
        hits[key] = Hit(key, share, len(hits))
        if len(hits) <= min(served, MAX_HITS):
            filters |= content_filter(texts[i])
    return Observation(
        asked.words, asked.sketch, asked.yes_no, tuple(hits.values()), filters.to_bytes(BLOOM_BYTES, "little")
    )
