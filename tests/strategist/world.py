"""Bases, policies and defenses that the strategist's tests are made of."""

from __future__ import annotations

import random
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore

from strategist import DefensePlan, PlannedDefense, Policy, PolicyManifest
from strategist.stores import FaissStore

EMBEDDINGS = DeterministicFakeEmbedding(size=16)
QUERY = "when does the old harbour bridge close tonight"
"""Eight words, none of which stands in the corpus: benign, until a document repeats it."""
WORDS = "amber basalt cedar dune ember fjord granite heath isle juniper kelp loam marsh nettle orchid pine".split()


def corpus(size=24, seed=1):
    """Documents with ids, shared sources and one text that occurs twice."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=12)) + f" {i}" for i in range(size - 1)]
    texts.append(texts[0])
    return [
        Document(id=f"d{i}", page_content=text, metadata={"source": f"book{i % 3}", "even": i % 2 == 0})
        for i, text in enumerate(texts)
    ]


def faiss(documents=None, **settings):
    store = FaissStore(EMBEDDINGS, **settings)
    store.add_documents(corpus() if documents is None else documents)
    return store


def in_memory(documents=None):
    store = InMemoryVectorStore(EMBEDDINGS)
    store.add_documents(corpus() if documents is None else documents)
    return store


class Ranked(BaseRetriever):
    """Hands out a fixed ranking, as BM25 does: a number field, no vectors, no arguments."""

    docs: list[Document]
    k: int = 4

    def _get_relevant_documents(self, query, *, run_manager):
        return self.docs[: self.k]


class SyncArguments(BaseRetriever):
    """Takes arguments on the synchronous side only: `ainvoke(k=...)` is a TypeError."""

    docs: list[Document]

    def _get_relevant_documents(self, query, *, run_manager, **kwargs: Any):
        return self.docs[: kwargs.get("k", 6)]


class Raising(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        raise OSError("the index is gone")


class Broken(Embeddings):
    """An embedding service that is down."""

    def embed_documents(self, texts):
        raise ConnectionError("no route")

    def embed_query(self, text):
        raise ConnectionError("no route")


class HalfBroken(Broken):
    """Queries work, documents do not."""

    def embed_query(self, text):
        return EMBEDDINGS.embed_query(text)


def planted(*places, size=24, query=QUERY):
    """A corpus in whose ranking the documents at `places` repeat the question."""
    documents = corpus(size)
    for place in places:
        documents[place] = documents[place].model_copy(update={"page_content": f"{query}? At {place} o'clock."})
    return documents


def plan(*names, overfetch=1, removed=None, **parameters):
    return DefensePlan(tuple(PlannedDefense(name, parameters, "why") for name in names), overfetch, removed or {})


def policy(before=None, after=None, *, passive=False):
    """A policy with these plans; an exception is raised instead."""

    def answer(value, *arguments):
        if isinstance(value, BaseException):
            raise value
        return value(*arguments) if callable(value) else value or DefensePlan()

    class Fixed(Policy):
        manifest = PolicyManifest(name="fixed", summary="x", passive=passive)

        def before_retrieval(self, request, profile):
            return answer(before, request, profile)

        def after_retrieval(self, request, profile, plan):
            return answer(after, request, profile, plan)

    return Fixed()


def fields(documents):
    """Everything that a caller can see of documents, but for the decision id."""
    return [(d.id, d.page_content, {k: v for k, v in d.metadata.items() if k != "sentinel"}) for d in documents]
