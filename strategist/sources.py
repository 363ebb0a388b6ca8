"""Where candidates come from: one face over vector stores and retrievers, so that the engine sees neither.

Vectors are computed once per request where the base allows it. A base that hides its vectors (BM25, a remote API)
works all the same: similarities and vectors are then missing, and so are the signals that need them.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore, VectorStoreRetriever

from sentinel.corpus import SAMPLE_SIZE, CorpusProfile
from sentinel.errors import ConfigurationError
from sentinel.vocabulary import Candidate, Vector, unit
from strategist.embeddings import fingerprint
from strategist.stores.faiss import FaissStore

Run = CallbackManagerForRetrieverRun | AsyncCallbackManagerForRetrieverRun | None
DEFAULT_K = 4
"""LangChain's own default for a retriever that was given none."""


class Source(ABC):
    """What the engine asks for.

    Attributes:
        k: How many documents the base serves unless told otherwise.
        prefix_stable: True if the first k of a longer list are exactly what the base serves for k.
    """

    k: int = DEFAULT_K
    prefix_stable: bool = False

    @abstractmethod
    def embed(self, query: str) -> Vector | None:
        """Unit vector of a query, or None where the base embeds out of sight."""

    @abstractmethod
    def fetch(self, query: str, vector: Vector | None, k: int, run: Run) -> tuple[Candidate, ...]:
        """Up to `k` candidates, best first."""

    @abstractmethod
    def own(self, query: str, k: int, run: Run) -> list[Document]:
        """The base's own answer, by the base's own call."""

    async def aembed(self, query: str) -> Vector | None:
        """See `embed`; in a worker thread unless the base has a native form."""
        return await asyncio.to_thread(self.embed, query)

    async def afetch(self, query: str, vector: Vector | None, k: int, run: Run) -> tuple[Candidate, ...]:
        """See `fetch`."""
        return await asyncio.to_thread(self.fetch, query, vector, k, _sync(run))

    async def aown(self, query: str, k: int, run: Run) -> list[Document]:
        """See `own`."""
        return await asyncio.to_thread(self.own, query, k, _sync(run))

    def profile(self) -> CorpusProfile | None:
        """Statistics of the corpus where the base can tell them without reading all of it, else None."""
        return None


def _sync(run: Run) -> Run:
    return run.get_sync() if isinstance(run, AsyncCallbackManagerForRetrieverRun) else run


def _config(run: Run) -> RunnableConfig:
    return {} if run is None else {"callbacks": run.get_child()}


class FaissSource(Source):
    """Straight from a `FaissStore`: one embedding, one search, documents with similarities and vectors.

    Args:
        store: The store.
        retriever: The retriever that the user wrapped around it, if any; its own call serves `own`.
        search: Its search arguments; only `k` and `filter` occur here.
    """

    def __init__(self, store: FaissStore, retriever: Runnable[Any, Any] | None, search: dict[str, Any]) -> None:
        self.store = store
        self.retriever = retriever
        self.filter = search.get("filter")
        self.k = int(search.get("k", DEFAULT_K))
        self.prefix_stable = store.exact

    def embed(self, query: str) -> Vector | None:
        """The store's own query vector, from its cache if it was just computed."""
        return unit(self.store.embed_query(query))

    def fetch(self, query: str, vector: Vector | None, k: int, run: Run) -> tuple[Candidate, ...]:
        """Search by vector."""
        if vector is None:
            return ()
        hits = self.store.search(vector, k, filter=self.filter)
        return tuple(Candidate(i, hit.document, hit.similarity, hit.vector) for i, hit in enumerate(hits))

    def own(self, query: str, k: int, run: Run) -> list[Document]:
        """The wrapped retriever's call, or the store's plain similarity search."""
        if self.retriever is not None:
            documents: list[Document] = self.retriever.invoke(query, _config(run), k=k)
            return documents
        return self.store.similarity_search(query, k=k, filter=self.filter)

    async def aown(self, query: str, k: int, run: Run) -> list[Document]:
        """The same, asynchronously."""
        if self.retriever is not None:
            documents: list[Document] = await self.retriever.ainvoke(query, _config(run), k=k)
            return documents
        return await self.store.asimilarity_search(query, k=k, filter=self.filter)

    def profile(self) -> CorpusProfile | None:
        """From a random sample of the store's vectors."""
        if len(self.store) < 2:
            return None
        sample = self.store.sample_vectors(SAMPLE_SIZE, 0)
        return CorpusProfile(len(self.store), sample, fingerprint(self.store.embeddings))


class VectorCache:
    """A bounded cache of document vectors for bases that do not give theirs back. Least recently used goes first.

    Args:
        embeddings: The model that the base uses.
        size: Most vectors to keep; at 384 numbers each, 10,000 take 15 MB.
    """

    def __init__(self, embeddings: Embeddings, size: int = 10_000) -> None:
        self.embeddings = embeddings
        self.size = size
        self._lock = Lock()
        self._kept: OrderedDict[str, Vector | None] = OrderedDict()

    def vectors(self, texts: Sequence[str]) -> list[Vector | None]:
        """Unit vectors of texts; the unknown ones are embedded in one batch."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        unknown = [text for text in dict.fromkeys(texts) if text not in found]
        if unknown:
            for text, vector in zip(unknown, self.embeddings.embed_documents(unknown), strict=True):
                found[text] = unit(vector)
        with self._lock:
            for text in dict.fromkeys(texts):
                self._kept[text] = found[text]
                self._kept.move_to_end(text)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return [found[text] for text in texts]


class RunnableSource(Source):
    """Any retriever, or any runnable from text to documents.

    Its search type, filters and thresholds are honoured because its own call is what is made; over-fetching goes
    through its `k`, as an argument where its signature takes one, else as a field of a copy. A base that has
    neither is served with what it returns.

    Args:
        base: The retriever.
        embeddings: The model that the base uses, for similarities and vectors; None leaves those missing.
        exact: Whether the first k of a longer list are what the base serves for k.
    """

    def __init__(self, base: Runnable[Any, Any], embeddings: Embeddings | None, exact: bool) -> None:
        self.base = base
        self.prefix_stable = exact
        self._cache = None if embeddings is None else VectorCache(embeddings)
        search = getattr(base, "search_kwargs", None)
        fixed = search.get("k") if isinstance(search, dict) else getattr(base, "k", None)
        self.k = fixed if isinstance(fixed, int) else DEFAULT_K

    def embed(self, query: str) -> Vector | None:
        """The query's unit vector if the model is known."""
        return None if self._cache is None else unit(self._cache.embeddings.embed_query(query))

    async def aembed(self, query: str) -> Vector | None:
        """The same through the model's own asynchronous form."""
        return None if self._cache is None else unit(await self._cache.embeddings.aembed_query(query))

    def _call(self, k: int, asynchronous: bool) -> tuple[Runnable[Any, Any], dict[str, Any]]:
        """The runnable to call, and the arguments that make it return `k`."""
        if isinstance(self.base, BaseRetriever):
            name = "_aget_relevant_documents" if asynchronous else "_get_relevant_documents"
            taken = inspect.signature(getattr(type(self.base), name)).parameters
            if "k" in taken or any(p.kind is p.VAR_KEYWORD for p in taken.values()):
                return self.base, {"k": k}
            if "k" in type(self.base).model_fields and k != getattr(self.base, "k", None):
                return self.base.model_copy(update={"k": k}), {}
        return self.base, {}

    def own(self, query: str, k: int, run: Run) -> list[Document]:
        """The base's own call."""
        base, arguments = self._call(k, asynchronous=False)
        return list(base.invoke(query, _config(run), **arguments))

    async def aown(self, query: str, k: int, run: Run) -> list[Document]:
        """The base's own asynchronous call."""
        base, arguments = self._call(k, asynchronous=True)
        return list(await base.ainvoke(query, _config(run), **arguments))

    def fetch(self, query: str, vector: Vector | None, k: int, run: Run) -> tuple[Candidate, ...]:
        """The base's own call for `k`, with vectors from the cache."""
        return self._candidates(self.own(query, k, run), vector)

    async def afetch(self, query: str, vector: Vector | None, k: int, run: Run) -> tuple[Candidate, ...]:
        """The same, asynchronously."""
        documents = await self.aown(query, k, run)
        return await asyncio.to_thread(self._candidates, documents, vector)

    def _candidates(self, documents: Sequence[Document], query: Vector | None) -> tuple[Candidate, ...]:
        vectors: list[Vector | None] = [None] * len(documents)
        if self._cache is not None:
            vectors = self._cache.vectors([document.page_content for document in documents])
        return tuple(
            Candidate(i, document, _cosine(query, vector), vector)
            for i, (document, vector) in enumerate(zip(documents, vectors, strict=True))
        )


def _cosine(query: Vector | None, vector: Vector | None) -> float | None:
    if query is None or vector is None or query.shape != vector.shape:
        return None
    return float(query @ vector)


def source_for(base: object, embeddings: Embeddings | None = None, exact: bool | None = None) -> Source:
    """The source that serves a base best.

    Args:
        base: A vector store, a retriever, or any runnable from text to documents.
        embeddings: The base's embedding model where it does not show it itself.
        exact: Overrules what is known of the base: True if the first k of a longer list are what it serves for k.

    Raises:
        ConfigurationError: `base` is none of these.
    """
    if isinstance(base, FaissStore):
        return FaissSource(base, None, {})
    if isinstance(base, VectorStore):
        base = base.as_retriever()
    plain = type(base) is VectorStoreRetriever and base.search_type == "similarity"
    if plain and isinstance(base, VectorStoreRetriever) and isinstance(base.vectorstore, FaissStore):
        if set(base.search_kwargs) <= {"k", "filter"}:
            return FaissSource(base.vectorstore, base, base.search_kwargs)
    if not isinstance(base, Runnable):
        raise ConfigurationError(
            f"cannot wrap {type(base).__name__}: give a LangChain vector store, retriever or runnable"
        )
    store = base.vectorstore if isinstance(base, VectorStoreRetriever) else None
    if embeddings is None and store is not None:
        embeddings = store.embeddings
    if exact is None:
        exact = plain and isinstance(store, InMemoryVectorStore)
    return RunnableSource(base, embeddings, exact)
