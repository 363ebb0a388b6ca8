"""A LangChain vector store on FAISS that also gives back similarities and vectors, which defenses need.

Scores are cosine similarities in [-1, 1], higher is better. Nothing is pickled, and no document that goes in or
comes out is shared with the caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, overload

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables.config import run_in_executor
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from numpy.typing import NDArray

from sentinel.errors import ConfigurationError, DataError, unknown_name
from sentinel.vocabulary import Vector
from strategist.embeddings import Vectors, aembed_array, embed_array, fingerprint, unit_rows
from strategist.stores import _faiss_files
from strategist.stores._document_index import DocumentIndex, Filter, Hit, Rows, checked_k
from strategist.stores._faiss_index import IndexKind, IndexSettings
from strategist.stores._given import as_documents, names_of, refuse, texts_of
from strategist.stores._query_memory import QueryMemory

__all__ = ["FaissStore", "Filter", "Hit"]

_Self = TypeVar("_Self", bound="FaissStore")


class FaissStore(VectorStore):
    """Documents in memory and their unit vectors in a FAISS index. Threads may share it.

    Adding to "flat" and "hnsw" is incremental. An "ivf" index searches exactly until it holds `train_size`
    vectors, is trained then, and again whenever it has grown fourfold. Deleting or replacing builds the index
    anew beside the one that goes on serving: cheap for "flat", slow for a large "hnsw".

    Args:
        embeddings: Any LangChain `Embeddings`; vectors of any length are scaled to one.
        index: "flat" (exact), "hnsw" or "ivf".
        **settings: Further fields of `IndexSettings`: `hnsw_m`, `ef_construction`, `ef_search`, `train_size`,
            `nlist`, `nprobe`.

    Raises:
        ConfigurationError: Unknown index or setting, or a setting out of range.
    """

    def __init__(self, embeddings: Embeddings, index: IndexKind = "flat", **settings: int | None) -> None:
        known = IndexSettings.__dataclass_fields__.keys() - {"kind"}
        if strange := sorted(settings.keys() - known):
            raise unknown_name("index setting", strange[0], known)
        if not isinstance(embeddings, Embeddings):
            raise ConfigurationError(f"embeddings must be LangChain Embeddings, not {type(embeddings).__name__}")
        self._embeddings = embeddings
        self._held = DocumentIndex(IndexSettings(index, **settings))  # type: ignore[arg-type]
        self._queries = QueryMemory()

    @property
    def embeddings(self) -> Embeddings:
        """The embedding model."""
        return self._embeddings

    @property
    def dimension(self) -> int | None:
        """Length d of the vectors; None before the first document."""
        rows = self._held.rows
        return rows.index.dimension if rows else None

    @property
    def exact(self) -> bool:
        """Whether the first k stay the same however many are asked for ("flat")."""
        return self._held.settings.kind == "flat"

    def __len__(self) -> int:
        rows = self._held.rows
        return len(rows.documents) if rows else 0

    def __bool__(self) -> bool:
        # An empty store is a store: `store or default` must not drop it.
        return True

    # Adding and removing

    @classmethod
    def from_texts(
        cls: type[_Self],
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> _Self:
        """Embed texts into a new store; `kwargs` are those of the constructor."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def add_documents(
        self, documents: list[Document], *, ids: Sequence[str | None] | None = None, **kwargs: Any
    ) -> list[str]:
        """Embed and add documents; a document whose id is known replaces the old one and counts as new.

        Args:
            documents: n documents; they are copied.
            ids: n ids, which go before the documents' own; a random one where there is none.
            **kwargs: Nothing; unknown names are refused.

        Returns:
            The n ids.

        Raises:
            DataError: Counts differ, an embedding has no direction or another length than those in the store.
        """
        refuse(kwargs)
        return self.add_vectors(documents, embed_array(self._embeddings, texts_of(documents)), ids)

    async def aadd_documents(
        self, documents: list[Document], *, ids: Sequence[str | None] | None = None, **kwargs: Any
    ) -> list[str]:
        """Async twin of `add_documents`."""
        refuse(kwargs)
        vectors = await aembed_array(self._embeddings, texts_of(documents))
        return await run_in_executor(None, self.add_vectors, documents, vectors, ids)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Embed and add texts; see `add_documents`."""
        return self.add_documents(as_documents(texts, metadatas), ids=ids, **kwargs)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Async twin of `add_texts`."""
        return await self.aadd_documents(as_documents(texts, metadatas), ids=ids, **kwargs)

    def add_vectors(
        self, documents: Sequence[Document], vectors: object, ids: Sequence[str | None] | None = None
    ) -> list[str]:
        """Add documents whose vectors are known.

        Args:
            documents: n documents; they are copied.
            vectors: Shape (n, d), any float type and length; scaled to one and stored as float32.
            ids: As in `add_documents`. Of several documents with one id the last counts.

        Returns:
            The n ids.

        Raises:
            DataError: Counts differ, a vector has no direction, or d is not that of the store. Nothing is added.
        """
        array = unit_rows(vectors, "vector")
        if len(array) != len(documents):
            raise DataError(f"{len(documents):,} documents and {len(array):,} vectors")
        names = names_of(documents, ids)
        if names:
            self._held.add(documents, array, names)
        return names

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Remove documents; unknown ids are passed over.

        Args:
            ids: Which; None for all of them.
            **kwargs: Nothing; unknown names are refused.

        Returns:
            True.
        """
        refuse(kwargs)
        self._held.delete(ids)
        return True

    # Searching

    def embed_query(self, text: str) -> Vector:
        """Embed a query; the last 256 are remembered by hash, so that one request embeds its query once.

        Args:
            text: The query.

        Returns:
            Unit vector, shape (d,), float32, read-only as it is shared.

        Raises:
            DataError: The model gave a vector without direction.
        """
        known = self._queries.get(text)
        return known if known is not None else self._queries.put(text, self._embeddings.embed_query(text))

    async def aembed_query(self, text: str) -> Vector:
        """Async twin of `embed_query`."""
        known = self._queries.get(text)
        return known if known is not None else self._queries.put(text, await self._embeddings.aembed_query(text))

    @overload
    def search(self, query: str, search_type: str, **kwargs: Any) -> list[Document]: ...

    @overload
    def search(self, query: NDArray[Any], k: int = 4, filter: Filter | None = None) -> list[Hit]: ...

    def search(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Find the documents nearest to a vector, with similarities and vectors.

        LangChain's own `search(text, search_type)` keeps working: a text is answered as LangChain says.

        Args:
            query: Shape (d,), of any length but zero.
            *args: `k` (default 4) and `filter`.
            **kwargs: The same by name.

        Returns:
            min(k, matching documents) hits, the most similar first, equals in the order of insertion. "hnsw" and
            "ivf" may miss some of the nearest, but no document that matches is missing where fewer than k do.

        Raises:
            DataError: The vector has no direction or another length than those stored, or k is out of range.
            ConfigurationError: The filter is neither a function nor a mapping.
        """
        if isinstance(query, str):
            return super().search(query, *args, **kwargs)
        return self._held.hits(query, *args, **kwargs)

    async def asearch(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Async twin of `search`; the search runs in a worker thread."""
        if isinstance(query, str):
            return await super().asearch(query, *args, **kwargs)
        return await run_in_executor(None, self._held.hits, query, *args, **kwargs)

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Find documents with their cosine similarity in [-1, 1], higher is better; see `search`."""
        refuse(kwargs)
        checked_k(k)
        if not len(self):
            return []
        return [hit[:2] for hit in self._held.hits(self.embed_query(query), k, filter)]

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Async twin of `similarity_search_with_score`."""
        refuse(kwargs)
        checked_k(k)
        if not len(self):
            return []
        hits = await run_in_executor(None, self._held.hits, await self.aembed_query(query), k, filter)
        return [hit[:2] for hit in hits]

    def similarity_search(self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any) -> list[Document]:
        """Find the documents nearest to a text; see `search`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    async def asimilarity_search(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        """Async twin of `similarity_search`."""
        return [one for one, _ in await self.asimilarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        """Find the documents nearest to a vector of d floats; see `search`."""
        refuse(kwargs)
        return [hit.document for hit in self._held.hits(embedding, k, filter)]

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Pick k of the `fetch_k` nearest that resemble the query and not each other.

        Args:
            embedding: The query, d floats.
            k: How many to pick.
            fetch_k: How many to pick from; at least k is used.
            lambda_mult: 1 for relevance alone, 0 for diversity alone.
            filter: Which documents count.
            **kwargs: Nothing; unknown names are refused.

        Raises:
            DataError: As in `search`, or `lambda_mult` outside [0, 1].
        """
        refuse(kwargs)
        if not 0.0 <= lambda_mult <= 1.0:
            raise DataError(f"lambda_mult must lie in [0, 1], not {lambda_mult!r}")
        hits = self._held.hits(embedding, max(checked_k(k), fetch_k), filter)
        if not hits:
            return []
        vectors: Any = np.stack([hit.vector for hit in hits])
        picked = maximal_marginal_relevance(np.asarray(embedding, dtype=np.float32), vectors, lambda_mult, k)
        return [hits[i].document for i in picked]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Twin of `max_marginal_relevance_search_by_vector` for a text."""
        checked_k(k)
        if not len(self):
            return []
        vector: Any = self.embed_query(query)
        return self.max_marginal_relevance_search_by_vector(vector, k, fetch_k, lambda_mult, **kwargs)

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Async twin of `max_marginal_relevance_search`."""
        checked_k(k)
        if not len(self):
            return []
        vector: Any = await self.aembed_query(query)
        return await self.amax_marginal_relevance_search_by_vector(vector, k, fetch_k, lambda_mult, **kwargs)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Copies of the documents with these ids, in their order; unknown ids are passed over."""
        return self._held.get(ids)

    def sample_vectors(self, n: int, seed: int) -> Vectors:
        """Draw vectors without replacement.

        Args:
            n: How many; at least 0.
            seed: The same seed on the same store draws the same vectors.

        Returns:
            Unit vectors in the order of insertion, shape (min(n, len), d), float32; (0, 0) from an empty store.
        """
        return self._held.sample(n, seed)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Relevance is the cosine similarity, with what points away (below 0) cut to 0."""
        return lambda similarity: min(1.0, max(0.0, similarity))

    # On disk

    def save_local(self, folder: str | os.PathLike[str]) -> None:
        """Write the store: a FAISS index, documents as JSON lines, a header with the SHA-256 of both.

        An interrupted save leaves what was there before. Readers go on meanwhile.

        Raises:
            DataError: A document's metadata would not survive JSON; nothing is written then.
        """
        with self._held.writer:
            # Writers are held off and readers change nothing, so what is written is of one piece.
            rows = self._held.rows
            _faiss_files.save(
                folder,
                index=rows.index if rows else None,
                documents=rows.documents if rows else [],
                settings=self._held.settings,
                fingerprint=fingerprint(self._embeddings),
            )

    @classmethod
    def load_local(cls: type[_Self], folder: str | os.PathLike[str], embeddings: Embeddings) -> _Self:
        """Read what `save_local` wrote.

        Args:
            folder: Where it lies.
            embeddings: The model that the store was built with.

        Raises:
            DataError: The folder is missing, corrupt, of another schema or of another embedding model.
        """
        settings, index, documents = _faiss_files.load(folder, fingerprint(embeddings))
        store = cls(embeddings)
        store._held = DocumentIndex(settings, Rows(index, documents) if index is not None else None)
        return store
