"""Reading a whole corpus once: word statistics, a sample of vectors, and which documents look planted.

Streaming: besides tables of fixed size it keeps 170 bytes and the id of each document, and the texts of one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from sentinel._corpus_scan import RECORD, ScanRecords, fingerprint64, joined, records
from sentinel._corpus_text import TextStatistics
from sentinel.corpus import SAMPLE_SIZE, CorpusProfile
from sentinel.errors import DataError
from sentinel.vocabulary import unit

BATCH = 2_000
"""Documents held at a time; a corpus of no more is judged by the statistics of all of it."""
Progress = Callable[[int], None]


def scan(
    documents: Iterable[Document],
    vectors: Iterable[object] | None = None,
    *,
    fingerprint: str = "",
    progress: Progress | None = None,
) -> CorpusProfile:
    """Read a corpus.

    Args:
        documents: Read once, in batches.
        vectors: One for each document, of any length but zero; None leaves signals that need vectors missing.
        fingerprint: Which embedding model the vectors come from.
        progress: Called with the number of documents read.

    Raises:
        DataError: No documents, another number of vectors than documents, or vectors of differing length.
    """
    empty = ScanRecords(np.zeros(0, RECORD), ())
    state = (0, TextStatistics(), empty, np.zeros((0, 0), np.float32), np.zeros(0, np.uint64))
    return _read(state, documents, vectors, fingerprint, progress)


def extended(
    profile: CorpusProfile, documents: Iterable[Document], vectors: Iterable[object] | None = None
) -> CorpusProfile:
    """See `CorpusProfile.update`."""
    if profile.text is None or profile.records is None or profile.keys is None:
        raise DataError("the profile was made without reading the texts; scan the corpus first")
    state = (profile.documents, profile.text, profile.records, profile.sample, profile.keys)
    return _read(state, documents, vectors, profile.fingerprint, None)


_State = tuple[int, TextStatistics, ScanRecords, NDArray[np.float32], NDArray[np.uint64]]


def _read(
    state: _State,
    documents: Iterable[Document],
    vectors: Iterable[object] | None,
    fingerprint: str,
    progress: Progress | None,
) -> CorpusProfile:
    count, text, found, sample, keys = state
    rows = None if vectors is None else iter(vectors)
    for batch in _batches(documents):
        # Counted first and judged then: what a batch plants in itself, it is judged with.
        text = text.with_texts(document.page_content for document in batch)
        found = joined(found, records(batch, text))
        if rows is not None:
            sample, keys = _drawn(sample, keys, batch, list(islice(rows, len(batch))))
        count += len(batch)
        if progress is not None:
            progress(count)
    if count == 0:
        raise DataError("there is no document to scan")
    if rows is not None and next(rows, None) is not None:
        raise DataError("there are more vectors than documents")
    return CorpusProfile(count, sample, fingerprint, text, found, keys)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    stream = iter(documents)
    while batch := list(islice(stream, BATCH)):
        yield batch


def _drawn(
    sample: NDArray[np.float32], keys: NDArray[np.uint64], batch: list[Document], vectors: list[object]
) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """The vectors of the documents whose hashes are smallest: a random sample that no order of reading changes."""
    if len(vectors) != len(batch):
        raise DataError("there are fewer vectors than documents")
    made = [(fingerprint64(f"{d.id}\x1f{d.page_content}"), unit(v)) for d, v in zip(batch, vectors, strict=True)]
    usable = [(key, vector) for key, vector in made if vector is not None]
    if not usable:
        return sample, keys
    if len({len(vector) for _, vector in usable} | ({sample.shape[1]} if len(sample) else set())) != 1:
        raise DataError("the vectors are of differing length")
    new = np.stack([vector for _, vector in usable])
    together = np.concatenate([sample, new]) if len(sample) else new
    chosen_by = np.concatenate([keys, np.array([key for key, _ in usable], np.uint64)])
    order = np.argsort(chosen_by, kind="stable")[:SAMPLE_SIZE]
    return together[order], chosen_by[order]
