"""The corpora that sessions run against: the clean one, and one for each attack that plants documents."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.attacks import Planted, rng
from benchmarks.data import Dataset
from benchmarks.frozen import PASSAGE, QUERY, key
from strategist.embedding_cache import EmbeddingCache
from strategist.embeddings import fingerprint
from strategist.stores.faiss import FaissStore

Progress = Callable[[int, int], None]
TRIES = 50
"""Draws of an id before it may have one digit more."""


class KnownEmbeddings(Embeddings):
    """Vectors of all texts of a run, embedded in batches beforehand; anything else goes to the model.

    Passages and queries are kept apart: some models embed the two differently.

    Args:
        model: The model; its vectors are cached on disk by content.
        passages: Everything that the run will store.
        queries: Everything that the run will search for.
        known: Vectors that need not be computed, by `benchmarks.frozen.key`.
        progress: Called with (done, total) while texts are embedded.
    """

    def __init__(
        self,
        model: Embeddings,
        passages: Sequence[str],
        queries: Sequence[str],
        known: Mapping[str, NDArray[np.float32]] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.fingerprint = fingerprint(model)
        self.model = EmbeddingCache(model, progress=progress, cache_queries=True)
        self._passages = _table(passages, PASSAGE, known or {}, self.model.embed_array)
        self._queries = _table(queries, QUERY, known or {}, self.model.embed_queries)

    def array(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of passages, shape (n, d)."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._passages]
        self._passages.update(_table(unknown, PASSAGE, {}, self.model.embed_array))
        return np.stack([self._passages[text] for text in texts])

    def learn(self, queries: Sequence[str]) -> None:
        """Embed queries at once that nobody knew of beforehand."""
        unknown = [text for text in dict.fromkeys(queries) if text not in self._queries]
        self._queries.update(_table(unknown, QUERY, {}, self.model.embed_queries))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's face of `array`."""
        vectors: list[list[float]] = self.array(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """LangChain's face for one query."""
        if text not in self._queries:
            self._queries.update(_table([text], QUERY, {}, self.model.embed_queries))
        vector: list[float] = self._queries[text].tolist()
        return vector


def _table(
    texts: Sequence[str],
    kind: str,
    known: Mapping[str, NDArray[np.float32]],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    found = {text: known.get(key(kind, text)) for text in dict.fromkeys(texts)}
    missing = [text for text, vector in found.items() if vector is None]
    if missing:
        found.update(zip(missing, embed(missing), strict=True))
    return {text: vector for text, vector in found.items() if vector is not None}


@dataclass(frozen=True)
class World:
    """One corpus, ready to be searched.

    Attributes:
        store: All documents with their vectors.
        planted: For each planted document's id, the target that it is for.
    """

    store: FaissStore
    planted: Mapping[str, str]


def build_world(data: Dataset, planted: Sequence[Planted], embeddings: KnownEmbeddings, seed: int) -> World:
    """The corpus with documents planted in it.

    Planted documents get ids, sources and titles of the clean distribution and stand at random places: nothing but
    their text tells them apart.
    """
    documents = [
        Document(id=p.id, page_content=p.text, metadata={**p.metadata, "title": p.title}) for p in data.passages
    ]
    draw = rng(seed, "planting")
    taken = set(data.by_id)
    origin: dict[str, str] = {}
    for item in planted:
        like = draw.choice(data.passages)
        key = _free_id(like.id, taken, draw)
        taken.add(key)
        origin[key] = item.target
        documents.append(Document(id=key, page_content=item.text, metadata={**like.metadata, "title": like.title}))
    if planted:
        draw.shuffle(documents)
    store = FaissStore(embeddings)
    store.add_vectors(documents, embeddings.array([d.page_content for d in documents]))
    return World(store, origin)


def _free_id(like: str, taken: set[str], draw: random.Random) -> str:
    """An id that looks like another one: its stem, and as many digits, zeros in front only where that one has them."""
    stem = like.rstrip("0123456789")
    digits = like[len(stem) :]
    padded = len(digits) > 1 and digits[0] == "0"
    width = max(1, len(digits))
    while True:
        for _ in range(TRIES):
            number = draw.randrange(0 if padded or width == 1 else 10 ** (width - 1), 10**width)
            if (key := f"{stem}{number:0{width}}") not in taken:
                return key
        width += 1
