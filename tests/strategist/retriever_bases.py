"""Every kind of base that a `DefendedRetriever` may wrap, and every way to ask it."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from strategist import DefendedRetriever
from tests.strategist.world import Ranked, SyncArguments, corpus, faiss, in_memory, planted

DOCUMENTS = corpus()
CALLER = {"configurable": {"client_id": "client-77", "tenant": "tenant-12", "trust": 0.987654321}}
wrap = DefendedRetriever.wrap


def bases(documents):
    """Bases of every kind over the same documents, by name."""
    threshold = {"score_threshold": 0.05, "k": 6}
    return {
        "store": faiss(documents),
        "hnsw": faiss(documents, index="hnsw"),
        "retriever": faiss(documents).as_retriever(search_kwargs={"k": 5}),
        "filter": faiss(documents).as_retriever(search_kwargs={"filter": {"even": True}}),
        "in_memory": in_memory(documents).as_retriever(),
        "in_memory_store": in_memory(documents),
        "mmr": faiss(documents).as_retriever(search_type="mmr", search_kwargs={"k": 4, "fetch_k": 9}),
        "in_memory_mmr": in_memory(documents).as_retriever(search_type="mmr"),
        "threshold": faiss(documents).as_retriever(search_type="similarity_score_threshold", search_kwargs=threshold),
        "bm25": Ranked(docs=documents, k=3),
        "sync_arguments": SyncArguments(docs=documents),
        "lambda": RunnableLambda(lambda query: documents[:9]),
        "chain": RunnablePassthrough() | Ranked(docs=documents, k=7),
    }


BASES = bases(DOCUMENTS)
ATTACKED = bases(planted(0, 2))
EVERY_BASE = pytest.mark.parametrize("name", BASES)


def bare(base, query):
    """What the base serves when nothing is wrapped around it."""
    return base.invoke(query) if hasattr(base, "invoke") else base.similarity_search(query)


def every_way(wrapped, query):
    """The same request in every way that LangChain offers."""

    async def awaited():
        return [
            await wrapped.ainvoke(query),
            *await wrapped.abatch([query, query]),
            *[chunk async for chunk in wrapped.astream(query)],
        ]

    return [wrapped.invoke(query), *wrapped.batch([query, query]), *wrapped.stream(query), *asyncio.run(awaited())]
