"""Documents beside their vectors, by position: added, replaced, searched and drawn by many threads at once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from langchain_core.documents import Document

from sentinel.errors import ConfigurationError, DataError
from sentinel.vocabulary import MAX_K, Vector
from strategist.embeddings import Vectors
from strategist.stores._faiss_index import IndexSettings, ReadWriteLock, VectorIndex
from strategist.stores._query_memory import direction

Filter = Callable[[Document], bool] | Mapping[str, Any]
"""Which documents count: a function of the document, or metadata values that must all be equal."""


class Hit(NamedTuple):
    """One search result.

    Attributes:
        document: A copy of the stored document, with its id.
        similarity: Cosine similarity to the query, in [-1, 1].
        vector: The document's unit vector, shape (d,), float32.
    """

    document: Document
    similarity: float
    vector: Vector


class Rows:
    """Documents and vectors by position. Appended to under the write lock, replaced as a whole for a deletion."""

    def __init__(self, index: VectorIndex, documents: list[Document]) -> None:
        self.index = index
        self.documents = documents
        self.position = {str(document.id): row for row, document in enumerate(documents)}


class DocumentIndex:
    """What a store holds. Stored documents are copies and never change; what goes out is copied again.

    Args:
        settings: How the index is built and searched.
        rows: What is there already.
    """

    def __init__(self, settings: IndexSettings, rows: Rows | None = None) -> None:
        self.settings = settings
        self.rows = rows
        self.writer = threading.Lock()
        """Writers queue here, so that one can build a new index while readers go on."""
        self._lock = ReadWriteLock()

    def add(self, documents: Sequence[Document], vectors: Vectors, names: Sequence[str]) -> None:
        """Add documents; of several with one name, in the store or the call, the last one stays.

        Args:
            documents: n documents.
            vectors: Unit vectors, shape (n, d), float32.
            names: n ids.

        Raises:
            DataError: d is not that of the store, or metadata cannot be copied. Nothing is added then.
        """
        last = {name: row for row, name in enumerate(names)}
        kept = sorted(last.values())
        added = [copied(documents[row], names[row]) for row in kept]
        with self.writer:
            rows = self.rows
            if rows is not None and rows.index.dimension != vectors.shape[1]:
                raise DataError(f"vectors of {vectors.shape[1]} dimensions in a store of {rows.index.dimension}")
            if rows is None or not rows.position.keys().isdisjoint(last):
                self._replace(set(last), added, vectors[kept])
                return
            with self._lock.write():
                rows.index.append(vectors[kept])
                rows.position |= {str(one.id): len(rows.documents) + i for i, one in enumerate(added)}
                rows.documents.extend(added)

    def delete(self, names: Sequence[str] | None) -> None:
        """Remove documents by id, or all of them; unknown ids are passed over."""
        with self.writer:
            if names is None:
                self.rows = None
            elif self.rows is not None and not self.rows.position.keys().isdisjoint(names):
                self._replace(set(names))

    def _replace(self, gone: set[str], added: Sequence[Document] = (), vectors: Vectors | None = None) -> None:
        """Put new rows in the place of the old; the writers' lock is held, readers keep what they have."""
        rows = self.rows
        keep = [row for row, document in enumerate(rows.documents) if document.id not in gone] if rows else []
        parts = [rows.index.vectors(np.array(keep, dtype=np.int64))] if rows and keep else []
        parts += [vectors] if vectors is not None else []
        if not parts:
            self.rows = None
            return
        together = np.concatenate(parts)
        index = VectorIndex(together.shape[1], self.settings)
        index.append(together)
        self.rows = Rows(index, [*(rows.documents[row] for row in keep), *added] if rows else list(added))

    def hits(self, vector: object, k: int = 4, filter: Filter | None = None) -> list[Hit]:
        """The documents nearest to a vector; see `FaissStore.search`."""
        query = direction(vector)
        k = checked_k(k)
        passes = _predicate(filter)
        rows = self.rows
        if rows is None:
            return []
        if len(query) != rows.index.dimension:
            raise DataError(f"a query of {len(query)} dimensions in a store of {rows.index.dimension}")
        fetch = k if passes is None else 4 * k
        while True:
            with self._lock.read():
                total = len(rows.documents)
                positions, similarities = rows.index.search(query, fetch)
                # Stored documents never change, so they may be read and filtered outside the lock; a filter
                # that calls the store must not find it locked.
                documents = [rows.documents[row] for row in positions]
            chosen = [i for i, one in enumerate(documents) if passes is None or passes(one)][:k]
            if len(chosen) == k or fetch >= total:
                break
            fetch *= 4
        with self._lock.read():
            vectors = rows.index.vectors(positions[chosen])
        return [Hit(copied(documents[i]), float(similarities[i]), vectors[place]) for place, i in enumerate(chosen)]

    def get(self, names: Sequence[str]) -> list[Document]:
        """Copies of the documents with these ids, in their order; unknown ids are passed over."""
        rows = self.rows
        if rows is None:
            return []
        with self._lock.read():
            found = [rows.documents[rows.position[one]] for one in names if one in rows.position]
        return [copied(one) for one in found]

    def sample(self, n: int, seed: int) -> Vectors:
        """Draw vectors; see `FaissStore.sample_vectors`."""
        if n < 0:
            raise DataError(f"cannot draw {n} vectors")
        rows = self.rows
        if rows is None:
            return np.zeros((0, 0), dtype=np.float32)
        with self._lock.read():
            total = len(rows.documents)
            drawn = np.random.default_rng(seed).choice(total, size=min(n, total), replace=False)
            return rows.index.vectors(np.sort(drawn))


_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types whose values cannot be changed, so that two documents may share them."""


def checked_k(k: object) -> int:
    """The number of documents asked for, if it is one.

    Raises:
        DataError: It is not a whole number from 1 to `MAX_K`.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= MAX_K:
        raise DataError(f"k must be a whole number from 1 to {MAX_K:,}, not {k!r}")
    return int(k)


def copied(document: Document, id: str | None = None) -> Document:
    """A document of its own, down to the metadata.

    Raises:
        DataError: The metadata cannot be copied.
    """
    metadata = document.metadata
    try:
        # Most metadata are texts and numbers: a deep copy of those is a plain one, at a fifth of the time.
        plain = _PLAIN.issuperset(map(type, metadata)) and _PLAIN.issuperset(map(type, metadata.values()))
        metadata = dict(metadata) if plain else copy.deepcopy(metadata)
    except Exception as error:
        raise DataError(f"the metadata of document {id or document.id!r} cannot be copied: {error}") from error
    return Document(id=id or document.id, page_content=document.page_content, metadata=metadata)


def _predicate(filter: Filter | None) -> Callable[[Document], bool] | None:
    if filter is None:
        return None
    if isinstance(filter, Mapping):
        wanted, absent = dict(filter), object()
        return lambda one: all(one.metadata.get(key, absent) == value for key, value in wanted.items())
    if callable(filter):
        # A copy, as a function may change what it is shown.
        return lambda one: bool(filter(copied(one)))
    raise ConfigurationError(f"filter must be a function or a mapping, not {type(filter).__name__}")
