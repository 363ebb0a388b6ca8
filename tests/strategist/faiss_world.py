"""Stores on FAISS of every kind, with vectors that are drawn and an embedding model that counts."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from numpy.typing import NDArray

from strategist.stores import FaissStore, Hit

DIMENSION = 8
KINDS: list[dict[str, Any]] = [
    {"index": "flat"},
    {"index": "hnsw"},
    {"index": "ivf", "train_size": 64, "nlist": 8, "nprobe": 2},
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind["index"] for kind in KINDS])


class Fake(Embeddings):
    """Deterministic vectors, with every call counted."""

    def __init__(self, size: int = DIMENSION, fingerprint: str = "fake") -> None:
        self.inner = DeterministicFakeEmbedding(size=size)
        self.fingerprint = fingerprint
        self.calls = 0
        self.threads: set[int] = set()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.threads.add(threading.get_ident())
        return self.inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        self.threads.add(threading.get_ident())
        return self.inner.embed_query(text)


def random_vectors(n: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Unit vectors, shape (n, dimension)."""
    made = np.random.default_rng(seed).normal(size=(n, dimension))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def documents(n: int) -> list[Document]:
    """Documents whose ids are their places."""
    return [Document(id=str(i), page_content=f"text {i}", metadata={"n": i, "odd": i % 2}) for i in range(n)]


def filled(n: int = 300, **kind: Any) -> tuple[FaissStore, NDArray[np.float32]]:
    """A store of n documents, and their vectors."""
    store = FaissStore(Fake(), **kind)
    vectors = random_vectors(n)
    store.add_vectors(documents(n), vectors)
    return store, vectors


def ids(hits: list[Hit]) -> list[str | None]:
    """The documents' ids, in the order of the hits."""
    return [hit.document.id for hit in hits]
