"""Sources: which base is asked how, what is known of its own number, vectors and the cache that stands in for them."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import VectorStoreRetriever

from sentinel import ConfigurationError
from sentinel.vocabulary import MAX_K
from strategist.embeddings import fingerprint
from strategist.sources import DEFAULT_K, FaissSource, RunnableSource, VectorCache, source_for
from strategist.stores import FaissStore
from tests.strategist.world import EMBEDDINGS, QUERY, Broken, Ranked, SyncArguments, corpus, faiss, fields, in_memory

DOCUMENTS = corpus()


class WithNumber(BaseRetriever):
    """Says its number in its signature."""

    def _get_relevant_documents(self, query, *, run_manager, k: int = 7):
        return DOCUMENTS[:k]


class Silent(BaseRetriever):
    """Takes no number and tells none."""

    def _get_relevant_documents(self, query, *, run_manager):
        return DOCUMENTS[:9]


def threshold():
    return faiss().as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.1})


LAMBDA = RunnableLambda(lambda query: DOCUMENTS[:9])
BASES = {
    "store": (faiss(), FaissSource, 4, True),
    "hnsw": (faiss(index="hnsw"), FaissSource, 4, False),
    "retriever": (faiss().as_retriever(search_kwargs={"k": 5}), FaissSource, 5, True),
    "filtered": (faiss().as_retriever(search_kwargs={"filter": {"even": True}}), FaissSource, 4, True),
    "mmr": (faiss().as_retriever(search_type="mmr", search_kwargs={"k": 3}), RunnableSource, 3, False),
    "threshold": (threshold(), RunnableSource, 4, False),
    "in_memory": (in_memory(), RunnableSource, 4, True),
    "in_memory_mmr": (in_memory().as_retriever(search_type="mmr"), RunnableSource, 4, False),
    "ranked": (Ranked(docs=DOCUMENTS, k=6), RunnableSource, 6, False),
    "with_number": (WithNumber(), RunnableSource, 7, False),
    "sync_arguments": (SyncArguments(docs=DOCUMENTS), RunnableSource, MAX_K, False),
    "silent": (Silent(), RunnableSource, MAX_K, False),
    "lambda": (LAMBDA, RunnableSource, MAX_K, False),
}
EVERY_BASE = pytest.mark.parametrize("name", BASES)
TAKE_A_NUMBER = [name for name in BASES if name not in {"silent", "lambda"}]


@EVERY_BASE
def test_what_is_known_of_a_base(name):
    base, kind, k, stable = BASES[name]
    source = source_for(base)
    assert type(source) is kind
    assert (source.k, source.prefix_stable) == (k, stable)


@EVERY_BASE
@pytest.mark.parametrize("exact", [True, False])
def test_the_user_knows_better(name, exact):
    assert source_for(BASES[name][0], exact=exact).prefix_stable is exact


@EVERY_BASE
def test_its_own_number_is_the_bases_own_call(name):
    base, _, k, _ = BASES[name]
    source = source_for(base)
    bare = base.similarity_search(QUERY) if not hasattr(base, "invoke") else base.invoke(QUERY)
    assert fields(source.own(QUERY, k, {})) == fields(bare)
    assert fields(asyncio.run(source.aown(QUERY, k, {}))) == fields(bare)


@EVERY_BASE
@pytest.mark.parametrize("k", [1, 3, 8])
def test_another_number_is_kept_to(name, k):
    source = source_for(BASES[name][0])
    documents = source.own(QUERY, k, {})
    assert len(documents) == k or (name == "threshold" and len(documents) < k)
    assert fields(asyncio.run(source.aown(QUERY, k, {}))) == fields(documents)


@pytest.mark.parametrize("name", TAKE_A_NUMBER)
def test_over_fetching(name):
    source = source_for(BASES[name][0])
    vector = source.embed(QUERY)
    found = source.described(source.fetch(QUERY, vector, 12, {}), vector)
    other = asyncio.run(source.afetch(QUERY, asyncio.run(source.aembed(QUERY)), 12, {}))
    assert [c.position for c in found] == list(range(len(found)))
    assert fields([c.document for c in found]) == fields([c.document for c in other])
    assert len(found) > 6 or name == "threshold"
    if source.prefix_stable:
        assert fields([c.document for c in found[:4]]) == fields(source.own(QUERY, 4, {}))
    for candidate in found:
        if vector is None:
            assert candidate.vector is None
            assert candidate.similarity is None
        else:
            assert np.linalg.norm(candidate.vector) == pytest.approx(1, abs=1e-5)
            assert candidate.similarity == pytest.approx(float(vector @ candidate.vector), abs=1e-5)


def test_the_filter_holds_for_over_fetching():
    source = source_for(BASES["filtered"][0])
    assert {c.document.metadata["even"] for c in source.fetch(QUERY, source.embed(QUERY), 20, {})} == {True}


def test_a_number_never_changes_the_base():
    base = Ranked(docs=DOCUMENTS, k=2)
    source = source_for(base)
    assert len(source.fetch(QUERY, None, 10, {})) == 10
    assert base.k == 2


@pytest.mark.parametrize("base", [None, "store", 3, [], object(), EMBEDDINGS, FaissStore])
def test_what_cannot_be_wrapped(base):
    with pytest.raises(ConfigurationError, match="cannot wrap"):
        source_for(base)


def test_a_search_type_of_a_subclass():
    class Hybrid(VectorStoreRetriever):
        allowed_search_types = ("hybrid",)

        def _get_relevant_documents(self, query, *, run_manager, **kwargs):
            return DOCUMENTS[: kwargs.get("k", 4)]

    source = source_for(Hybrid(vectorstore=faiss(), search_type="hybrid"))
    assert type(source) is RunnableSource
    assert source.k == DEFAULT_K


def test_a_query_is_embedded_by_the_models_own_asynchronous_form():
    class AsyncOnly(Embeddings):
        def embed_documents(self, texts):
            return EMBEDDINGS.embed_documents(texts)

        def embed_query(self, text):
            raise NotImplementedError

        async def aembed_query(self, text):
            return EMBEDDINGS.embed_query(text)

    store = FaissStore(AsyncOnly())
    store.add_documents(corpus(5))
    vectors = [asyncio.run(s.aembed(QUERY)) for s in (source_for(store), source_for(Silent(), AsyncOnly()))]
    assert np.allclose(*vectors, atol=1e-6)


def test_the_query_vector_is_the_stores_own():
    store = faiss()
    assert source_for(store).embed(QUERY) is store.embed_query(QUERY)


def test_without_vectors_the_store_is_searched_by_text():
    source = source_for(faiss())
    assert fields([c.document for c in source.fetch(QUERY, None, 6, {})]) == fields(source.own(QUERY, 6, {}))


def test_the_profile_of_a_store():
    store = faiss()
    profile = source_for(store).profile()
    assert profile.documents == len(store)
    assert profile.dimension == 16
    assert profile.fingerprint == fingerprint(EMBEDDINGS)
    assert source_for(FaissStore(EMBEDDINGS)).profile() is None
    assert source_for(LAMBDA).profile() is None


# The cache of document vectors


class Logged(Embeddings):
    def __init__(self):
        self.batches = []

    def embed_documents(self, texts):
        self.batches.append(list(texts))
        return [[float("nan")] * 16 if text == "nan" else EMBEDDINGS.embed_query(text) for text in texts]

    def embed_query(self, text):
        return EMBEDDINGS.embed_query(text)


def test_unknown_texts_are_embedded_in_one_batch_and_once():
    model = Logged()
    cache = VectorCache(model)
    first = cache.vectors(["a", "b", "a"])
    assert first[0] is first[2]
    assert np.allclose(first[1], cache.vectors(["c", "b"])[1])
    assert model.batches == [["a", "b"], ["c"]]
    assert cache.vectors([]) == []


def test_the_least_recently_used_goes_first():
    model = Logged()
    cache = VectorCache(model, size=2)
    for texts in (["a", "b"], ["a"], ["c"], ["a"], ["b"]):
        cache.vectors(texts)
    assert model.batches == [["a", "b"], ["c"], ["b"]]


def test_one_request_may_exceed_the_cache():
    cache = VectorCache(Logged(), size=3)
    assert len(cache.vectors([str(i) for i in range(10)])) == 10
    assert list(cache._kept) == ["7", "8", "9"]


def test_what_has_no_direction_is_missing():
    assert [v is None for v in VectorCache(Logged()).vectors(["a", "nan"])] == [False, True]
    source = RunnableSource(RunnableLambda(lambda q: [DOCUMENTS[0]]), Logged(), False)
    (candidate,) = source.described(source.fetch(QUERY, None, 3, {}), None)
    assert candidate.similarity is None
    assert candidate.vector is not None


def test_a_model_of_another_length_gives_no_similarity():
    source = source_for(Ranked(docs=DOCUMENTS), EMBEDDINGS)
    found = source.described(source.fetch(QUERY, None, 3, {}), np.ones(3, dtype=np.float32))
    assert [c.similarity for c in found] == [None] * 3


def test_a_failure_leaves_the_cache_as_it_was():
    cache = VectorCache(Broken())
    with pytest.raises(ConnectionError):
        cache.vectors(["a"])
    assert not cache._kept


def test_threads_share_a_cache():
    cache = VectorCache(Logged(), size=8)
    expected = {str(i): VectorCache(Logged()).vectors([str(i)])[0] for i in range(20)}
    wrong, interval = [], sys.getswitchinterval()

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(40):
            texts = [str(i) for i in rng.integers(0, 20, 5)]
            if not all(np.array_equal(v, expected[t]) for t, v in zip(texts, cache.vectors(texts), strict=True)):
                wrong.append(texts)

    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    assert len(cache._kept) <= 8
    assert time.monotonic() - start < 30
