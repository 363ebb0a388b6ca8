"""Where candidates come from: one face over vector stores and retrievers, so that the engine sees neither.

Vectors are computed once per request where the base allows it. A base that hides its vectors (BM25, a remote API)
works all the same: similarities and vectors are then missing, and so are the signals that need them.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore, VectorStoreRetriever

from sentinel.corpus import SAMPLE_SIZE, CorpusProfile
from sentinel.errors import ComponentError, ConfigurationError
from sentinel.scan import scan
from sentinel.vocabulary import MAX_K, Candidate, IngestionFacts, Vector, unit
from strategist.embeddings import fingerprint
from strategist.stores.faiss import FaissStore

SCANNED = 20_000
"""Documents up to which a store's texts are read when it is wrapped."""
DEFAULT_K = 4
"""LangChain's own default for a retriever that was given none."""


class Source(ABC):
    """What the engine asks for.

    Attributes:
        k: How many documents the base serves unless told otherwise; `MAX_K` where it does not say.
        prefix_stable: True if the first k of a longer list are exactly what the base serves for k.
        embeddings: The model that its vectors come from; None where it is not known.
    """

    k: int = DEFAULT_K
    prefix_stable: bool = False
    embeddings: Embeddings | None = None

    @abstractmethod
    def embed(self, query: str) -> Vector | None:
        """Unit vector of a query, or None where the base embeds out of sight."""

    @abstractmethod
    def fetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """Up to `k` candidates, best first."""

    @abstractmethod
    def own(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The base's own answer, by the base's own call."""

    async def aembed(self, query: str) -> Vector | None:
        """See `embed`; in a worker thread unless the base has a native form."""
        return await asyncio.to_thread(self.embed, query)

    async def afetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """See `fetch`."""
        return await asyncio.to_thread(self.fetch, query, vector, k, config)

    async def aown(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """See `own`."""
        return await asyncio.to_thread(self.own, query, k, config)

    def described(self, candidates: tuple[Candidate, ...], vector: Vector | None) -> tuple[Candidate, ...]:
        """The candidates with the vectors that the search itself did not bring, where they can be had."""
        return candidates

    def profile(self) -> CorpusProfile | None:
        """Statistics of the corpus where the base can tell them without reading all of it, else None."""
        return None


def ingestion_facts(documents: Sequence[Document], profile: CorpusProfile | None) -> list[IngestionFacts | None]:
    """What is known of documents' ingestion: their metadata and what the scan of the corpus found.

    Args:
        documents: `metadata["ingested_at"]` (Unix seconds) and `metadata["ingested_by"]` are read where they stand.
        profile: Looked up by the documents' texts.

    Returns:
        One for each document, None where nothing is known of it.
    """
    if profile is None:
        return [_facts(document, None) for document in documents]
    scores = profile.scan_scores([document.page_content for document in documents]).tolist()
    return [
        _facts(document, None if math.isnan(score) else score)
        for document, score in zip(documents, scores, strict=True)
    ]


def _facts(document: Document, score: float | None) -> IngestionFacts | None:
    time, author = document.metadata.get("ingested_at"), document.metadata.get("ingested_by")
    time = float(time) if isinstance(time, int | float) and not isinstance(time, bool) else None
    author = author if isinstance(author, str) else None
    if time is None and author is None and score is None:
        return None
    return IngestionFacts(time, author, score)


_profiles: WeakKeyDictionary[FaissStore, tuple[object, int, CorpusProfile]] = WeakKeyDictionary()


def _scanned(store: FaissStore) -> CorpusProfile:
    """The profile of a small store, scanned anew when documents came or went."""
    held = store._held
    with held.writer:  # writers are held off, readers go on
        rows, count = held.rows, len(store)
        known = _profiles.get(store)
        if known is not None and known[0] is rows and known[1] == count:
            return known[2]
        assert rows is not None
        documents, vectors = list(rows.documents), rows.index.vectors(np.arange(count))
    profile = scan(documents, vectors, fingerprint=fingerprint(store.embeddings))
    _profiles[store] = (rows, count, profile)
    return profile


class FaissSource(Source):
    """Straight from a `FaissStore`: one embedding, one search, documents with similarities and vectors.

    Args:
        store: The store.
        retriever: The retriever that the user wrapped around it, if any; its own call serves `own`.
        search: Its search arguments; only `k` and `filter` occur here.
        exact: Overrules what the store says of its index.
    """

    def __init__(
        self,
        store: FaissStore,
        retriever: Runnable[Any, Any] | None,
        search: dict[str, Any],
        exact: bool | None = None,
    ) -> None:
        self.store = store
        self.embeddings = store.embeddings
        self.retriever = retriever
        self.filter = search.get("filter")
        self.k = int(search.get("k", DEFAULT_K))
        self.prefix_stable = store.exact if exact is None else exact
        self._profile: CorpusProfile | None = None

    def embed(self, query: str) -> Vector | None:
        """The store's own query vector, from its cache if it was just computed."""
        return self.store.embed_query(query)

    async def aembed(self, query: str) -> Vector | None:
        """The same through the model's own asynchronous form."""
        return await self.store.aembed_query(query)

    def fetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """Search by vector; without one, the base's own call."""
        if vector is None:
            return tuple(Candidate(i, document) for i, document in enumerate(self.own(query, k, config)))
        hits = self.store.search(vector, k, filter=self.filter)
        facts = ingestion_facts([hit.document for hit in hits], self._profile)
        return tuple(
            [
                Candidate(i, hit.document, hit.similarity, hit.vector, known)
                for i, (hit, known) in enumerate(zip(hits, facts, strict=True))
            ]
        )

    def own(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The wrapped retriever's call, or the store's plain similarity search."""
        if self.retriever is not None:
            documents: list[Document] = self.retriever.invoke(query, config, k=k)
            return documents
        return self.store.similarity_search(query, k=k, filter=self.filter)

    async def aown(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The same, asynchronously."""
        if self.retriever is not None:
            documents: list[Document] = await self.retriever.ainvoke(query, config, k=k)
            return documents
        return await self.store.asimilarity_search(query, k=k, filter=self.filter)

    def profile(self) -> CorpusProfile | None:
        """From all texts of a store of at most `SCANNED` documents, else from a sample of its vectors alone.

        A scan takes half a millisecond a document and is kept for as long as the store does not change. A larger
        corpus is scanned once by `sentinel-bench scan`; until then signals that need its texts are missing.
        """
        if len(self.store) < 2:
            return None
        if len(self.store) <= SCANNED:
            self._profile = _scanned(self.store)
            return self._profile
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
    neither is served with what it returns. For the base's own number of documents its own call is left as it is.

    Args:
        base: The retriever.
        embeddings: The model that the base uses, for similarities and vectors; None leaves those missing.
        exact: Whether the first k of a longer list are what the base serves for k.
    """

    def __init__(self, base: Runnable[Any, Any], embeddings: Embeddings | None, exact: bool) -> None:
        self.base = base
        self.prefix_stable = exact
        self.k = _own_number(base)
        self.embeddings = embeddings
        self._cache = None if embeddings is None else VectorCache(embeddings)

    def embed(self, query: str) -> Vector | None:
        """The query's unit vector if the model is known."""
        return None if self._cache is None else _directed(self._cache.embeddings.embed_query(query))

    async def aembed(self, query: str) -> Vector | None:
        """The same through the model's own asynchronous form."""
        return None if self._cache is None else _directed(await self._cache.embeddings.aembed_query(query))

    def _call(self, k: int) -> tuple[Runnable[Any, Any], dict[str, Any]]:
        """The runnable to call, and the arguments that make it return `k`."""
        if isinstance(self.base, BaseRetriever) and k != self.k:
            if _takes_k(type(self.base)._get_relevant_documents):
                return self.base, {"k": k}
            if "k" in type(self.base).model_fields:
                return self.base.model_copy(update={"k": k}), {}
        return self.base, {}

    def _answer(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        base, arguments = self._call(k)
        return list(base.invoke(query, config, **arguments))

    async def _aanswer(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        base, arguments = self._call(k)
        if arguments and not _takes_k(type(self.base)._aget_relevant_documents):  # type: ignore[attr-defined]
            # Only the synchronous form takes a number, and both are to return the same.
            return await asyncio.to_thread(self._answer, query, k, config)
        return list(await base.ainvoke(query, config, **arguments))

    def own(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The base's own call, cut to `k` if that is not its own number and it does not take one."""
        documents = self._answer(query, k, config)
        return documents if k == self.k else documents[:k]

    async def aown(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The same, asynchronously."""
        documents = await self._aanswer(query, k, config)
        return documents if k == self.k else documents[:k]

    def fetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """The base's own call for `k`."""
        return tuple(Candidate(i, document) for i, document in enumerate(self._answer(query, k, config)))

    async def afetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """The same, asynchronously."""
        return tuple(Candidate(i, document) for i, document in enumerate(await self._aanswer(query, k, config)))

    def described(self, candidates: tuple[Candidate, ...], vector: Vector | None) -> tuple[Candidate, ...]:
        """The candidates with vectors from the cache, and their similarities."""
        if self._cache is None:
            return candidates
        vectors = self._cache.vectors([candidate.text for candidate in candidates])
        return tuple(
            Candidate(candidate.position, candidate.document, _cosine(vector, own), own)
            for candidate, own in zip(candidates, vectors, strict=True)
        )


def _directed(vector: object) -> Vector:
    found = unit(vector)
    if found is None:  # a model that answers NaN has failed; None would say that there is no model
        raise ComponentError("embeddings", "gave a vector without direction")
    return found


def _takes_k(method: Callable[..., Any]) -> bool:
    taken = inspect.signature(method).parameters
    return "k" in taken or any(p.kind is p.VAR_KEYWORD for p in taken.values())


_SEARCHES = {
    "similarity": "similarity_search",
    "similarity_score_threshold": "similarity_search_with_relevance_scores",
    "mmr": "max_marginal_relevance_search",
}


def _own_number(base: Runnable[Any, Any]) -> int:
    """How many documents a base serves unless told otherwise; `MAX_K` where it does not say."""
    said: object = None
    if isinstance(base, VectorStoreRetriever):
        search = getattr(base.vectorstore, _SEARCHES.get(base.search_type, "similarity_search"))
        said = base.search_kwargs.get("k", _default_k(search))
    elif isinstance(base, BaseRetriever):
        said = getattr(base, "k", _default_k(base._get_relevant_documents))
    return said if isinstance(said, int) and 1 <= said <= MAX_K else MAX_K


def _default_k(method: Callable[..., Any]) -> object:
    parameter = inspect.signature(method).parameters.get("k")
    return None if parameter is None else parameter.default


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
        return FaissSource(base, None, {}, exact)
    if isinstance(base, VectorStore):
        base = base.as_retriever()
    plain = type(base) is VectorStoreRetriever and base.search_type == "similarity"
    if (
        isinstance(base, VectorStoreRetriever)
        and isinstance(base.vectorstore, FaissStore)
        and plain
        and set(base.search_kwargs) <= {"k", "filter"}
    ):
        return FaissSource(base.vectorstore, base, base.search_kwargs, exact)
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
