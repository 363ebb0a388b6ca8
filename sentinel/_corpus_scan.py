"""One record per scanned document: fingerprints, near-duplicates, and how suspicious its text alone is.

A record takes 170 bytes and the id; texts are not kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from sentinel import _markers
from sentinel._corpus_text import TextStatistics
from sentinel._passage import passage
from sentinel.errors import DataError

PARTS = ("question_first", "instruction", "refusal", "gibberish", "altered_copy")
"""What a document is scored by; each part lies in [0, 1]."""
WORDS = (
    "opens with a question and goes on with a statement",
    "gives a model orders",
    "speaks as a model that declines to answer",
    "holds a run of words without grammar",
    "repeats another document with other facts in it",
)
WEIGHTS = np.array([0.6, 0.9, 0.7, 0.8, 0.3])
HASHES, ROWS = 32, 4
ALIKE = 0.6
"""Estimated Jaccard similarity of word 3-grams from which two documents are near-duplicates (Broder, 1997)."""
SALAD_FROM, SALAD_TO = 8.0, 16.0
"""Words without grammar from which a run counts, and where it counts in full."""
RECORD = np.dtype(
    [("id", "<u8"), ("text", "<u8"), ("facts", "<u4"), ("parts", "<f4", (len(PARTS),)), ("signature", "<u2", (HASHES,))]
)
_FACT = re.compile(r"\b[A-Z][^\W\d_]+|\d[\d.,]*")
_MULTIPLY = np.random.default_rng(7).integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)


@lru_cache(maxsize=8192)
def fingerprint64(text: str) -> int:
    """64 bits of a text's BLAKE2b."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


def signature(text: str) -> NDArray[np.uint16]:
    """MinHash over word 3-grams, shape (`HASHES`,); zeros for a text of fewer than three words."""
    codes = passage(text).codes.astype(np.uint64)
    if len(codes) < 3:
        return np.zeros(HASHES, np.uint16)
    grams = (codes[:-2] * np.uint64(0x9E3779B97F4A7C15)) ^ (codes[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)) ^ codes[2:]
    grams = grams ^ (grams >> np.uint64(29))
    least = (grams[:, None] * _MULTIPLY[None, :]).min(axis=0)
    made: NDArray[np.uint16] = ((least * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(48)).astype(np.uint16)
    return made


def record(document: Document, statistics: TextStatistics) -> tuple[int, int, int, tuple[float, ...], list[int]]:
    """The record of one document, in the order of `RECORD`; its near-duplicates are found later."""
    text = document.page_content
    salad = statistics.salad(text)
    gibberish = 0.0 if np.isnan(salad) else min(max((salad - SALAD_FROM) / (SALAD_TO - SALAD_FROM), 0.0), 1.0)
    parts = (_markers.question_first(text), _markers.instruction(text), _markers.refusal(text), gibberish, 0.0)
    facts = fingerprint64(" ".join(sorted(set(_FACT.findall(text[:40_000]))))) & 0xFFFFFFFF
    key = fingerprint64(document.id) if document.id else fingerprint64(text)
    return key, fingerprint64(text), facts, parts, signature(text).tolist()


@dataclass(frozen=True, eq=False)
class ScanRecords:
    """Records of all scanned documents.

    Attributes:
        rows: Shape (n,), of dtype `RECORD`.
        ids: The documents' ids; the hash of its text for one without.
    """

    rows: NDArray[np.void]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.rows.dtype != RECORD or self.rows.shape != (len(self.ids),):
            raise DataError("the scan's records do not fit the number of ids")
        if not bool(np.isfinite(self.rows["parts"]).all()):
            raise DataError("the scan's records hold numbers that are not finite")

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """For each document the first one of its near-duplicate group; its own place if it has none. Shape (n,)."""
        count = len(self.rows)
        parent = np.arange(count, dtype=np.int64)
        if not count:
            return parent
        signatures = self.rows["signature"]
        usable: NDArray[np.bool_] = np.asarray(signatures.any(axis=1))
        bands = np.ascontiguousarray(signatures).view("<u8").reshape(count, HASHES // ROWS)

        def root(at: int) -> int:
            while parent[at] != at:
                parent[at] = parent[parent[at]]
                at = int(parent[at])
            return at

        for band in bands.T:
            order = np.argsort(band, kind="stable")
            sorted_band = band[order]
            same = np.flatnonzero(np.logical_and(sorted_band[1:] == sorted_band[:-1], usable[order][1:]))
            for at in same:
                one, other = int(order[at]), int(order[at + 1])
                if int(np.count_nonzero(signatures[one] == signatures[other])) >= ALIKE * HASHES:
                    low, high = sorted((root(one), root(other)))
                    parent[high] = low
        return np.array([root(i) for i in range(count)], dtype=np.int64)

    @cached_property
    def parts(self) -> NDArray[np.float64]:
        """The parts of each document's score, shape (n, len(`PARTS`)), near-duplicates included."""
        parts = self.rows["parts"].astype(np.float64)
        facts = self.rows["facts"]
        order = np.lexsort((facts, self.groups))
        starts = np.flatnonzero(np.r_[True, np.diff(self.groups[order]) != 0]) if len(order) else np.zeros(0, np.intp)
        for members in np.split(order, starts[1:]):
            if len(members) > 1 and facts[members[0]] != facts[members[-1]]:
                parts[members, PARTS.index("altered_copy")] = 1.0
        return parts

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Suspicion of each document in [0, 1]: 1 - product of (1 - weight * part), shape (n,)."""
        scores: NDArray[np.float64] = 1.0 - np.prod(1.0 - WEIGHTS * np.clip(self.parts, 0.0, 1.0), axis=1)
        return scores

    @cached_property
    def _by_text(self) -> NDArray[np.int64]:
        return np.argsort(self.rows["text"], kind="stable").astype(np.int64)

    @cached_property
    def _texts(self) -> NDArray[np.uint64]:
        return np.asarray(self.rows["text"][self._by_text], dtype=np.uint64)

    def score(self, text: str) -> float | None:
        """Suspicion of a document by its text, in a few microseconds; None if it was never scanned."""
        wanted = np.uint64(fingerprint64(text))
        at = int(np.searchsorted(self._texts, wanted))
        if at == len(self._texts) or self._texts[at] != wanted:
            return None
        return float(self.scores[self._by_text[at]])

    def of_texts(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """`score` of several texts at once, shape (n,), NaN for one that was never scanned."""
        if not len(self._texts):
            return np.full(len(texts), np.nan)
        wanted = np.array(list(map(fingerprint64, texts)), dtype=np.uint64)
        at = np.minimum(np.searchsorted(self._texts, wanted), len(self._texts) - 1)
        return np.where(self._texts[at] == wanted, self.scores[self._by_text[at]], np.nan)


def records(documents: Sequence[Document], statistics: TextStatistics) -> ScanRecords:
    """Records of documents, judged by the statistics of the corpus."""
    rows = np.array([record(document, statistics) for document in documents], dtype=RECORD)
    return ScanRecords(rows, tuple(d.id or f"{fingerprint64(d.page_content):016x}" for d in documents))


def joined(one: ScanRecords, other: ScanRecords) -> ScanRecords:
    """Both, the later record of an id in the place of the earlier."""
    rows, ids = np.concatenate([one.rows, other.rows]), one.ids + other.ids
    last = {name: place for place, name in enumerate(ids)}
    kept = sorted(last.values())
    return ScanRecords(rows[kept], tuple(ids[place] for place in kept))
