"""FaissStore's search: against brute force, ties, filters, scores and diversity."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from langchain_core.documents import Document
from numpy.typing import NDArray

from sentinel.errors import ConfigurationError, DataError
from strategist.stores import FaissStore
from tests.strategist.faiss_world import DIMENSION, EVERY_KIND, KINDS, Fake, documents, filled, ids, random_vectors

finite = st.floats(-4, 4, width=32)
rows = st.integers(1, 30).flatmap(lambda n: arrays(np.float32, (n, 3), elements=finite))


@settings(max_examples=60, deadline=None)
@given(rows, arrays(np.float32, 3, elements=finite), st.integers(1, 40))
def test_flat_equals_brute_force(matrix: NDArray[np.float32], query: NDArray[np.float32], k: int) -> None:
    # Small values and few dimensions: hypothesis makes many equal rows, the case in which libraries differ.
    matrix = matrix[np.linalg.norm(matrix, axis=1) > 1e-3]
    if not len(matrix) or np.linalg.norm(query) < 1e-3:
        return
    store = FaissStore(Fake(3))
    store.add_vectors(documents(len(matrix)), matrix)
    hits = store.search(query, k)
    exact = matrix.astype(np.float64)
    exact = exact / np.linalg.norm(exact, axis=1, keepdims=True) @ (query / np.linalg.norm(query.astype(np.float64)))
    best = np.sort(exact)[::-1][:k]
    assert len(hits) == min(k, len(matrix))
    np.testing.assert_allclose([hit.similarity for hit in hits], best, atol=1e-6)
    # Each hit is the row that it says it is, and copies of one row come in the order of insertion.
    for hit in hits:
        assert exact[int(str(hit.document.id))] == pytest.approx(hit.similarity, abs=1e-6)
    for a, b in pairwise(hits):
        if np.array_equal(matrix[int(str(a.document.id))], matrix[int(str(b.document.id))]):
            assert int(str(a.document.id)) < int(str(b.document.id))


@EVERY_KIND
def test_ties_are_broken_by_insertion_at_every_k(kind: dict[str, Any]) -> None:
    vectors = random_vectors(300)
    vectors[50:250] = vectors[7]
    store = FaissStore(Fake(), **kind)
    store.add_vectors(documents(300), vectors)
    expected = ["7", *map(str, range(50, 250))]
    for k in (1, 3, 9, 120, 201):
        assert ids(store.search(vectors[7], k)) == expected[:k]


@EVERY_KIND
@pytest.mark.parametrize("k", [21, 25, 60, 110, 150])
def test_ties_below_better_ones_that_came_later(kind: dict[str, Any], k: int) -> None:
    """FAISS alone drops the earliest of the equals when something better arrives."""
    vectors = np.zeros((320, DIMENSION), dtype=np.float32)
    vectors[:, 0] = 1
    vectors[300:, 1] = np.linspace(1, 2, 20)
    store = FaissStore(Fake(), **kind)
    store.add_vectors(documents(320), vectors)
    query = np.eye(DIMENSION)[1] + 0.5 * np.eye(DIMENSION)[0]
    got = ids(store.search(query, k))
    assert got[:20] == [str(i) for i in range(319, 299, -1)]
    assert got[20:] == [str(i) for i in range(k - 20)]


@pytest.mark.parametrize("dimension", [19, 100, 387])
def test_copies_of_one_vector_have_one_similarity(dimension: int) -> None:
    """FAISS's kernels differ in the last bit by where a vector stands among those that are compared at once."""
    vectors = random_vectors(500, dimension=dimension)
    vectors[100:400] = vectors[7]
    for kind in KINDS:
        store = FaissStore(Fake(dimension), **kind)
        store.add_vectors(documents(500), vectors)
        for query in vectors[7] + 0.3 * random_vectors(5, seed=3, dimension=dimension):
            hits = store.search(query, 301)
            copies = [hit for hit in hits if np.array_equal(hit.vector, vectors[7])]
            assert len({hit.similarity for hit in copies}) == 1
            assert ids(copies) == sorted(ids(copies), key=lambda name: int(str(name)))
            # The graph of "hnsw" does not reach every one of so many copies; the others must not lose one.
            assert len(copies) == 301 or (kind["index"] == "hnsw" and len(copies) > 250)


@EVERY_KIND
def test_hits_carry_their_similarity_and_vector(kind: dict[str, Any]) -> None:
    store, vectors = filled(**kind)
    query = random_vectors(1, seed=5)[0] * 3
    for hit in store.search(query, 10):
        row = int(str(hit.document.id))
        np.testing.assert_array_equal(hit.vector, vectors[row])
        assert hit.vector.dtype == np.float32
        assert hit.similarity == pytest.approx(float(vectors[row] @ query) / 3, abs=1e-6)


def test_approximate_indexes_find_most_of_the_nearest() -> None:
    vectors, queries = random_vectors(3000, dimension=16), random_vectors(20, seed=1, dimension=16)
    for kind in ({"index": "hnsw"}, {"index": "ivf", "train_size": 1000, "nprobe": 16}):
        store = FaissStore(Fake(16), **kind)  # type: ignore[arg-type]
        store.add_vectors(documents(3000), vectors)
        truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
        found = [{int(str(name)) for name in ids(store.search(query, 10))} for query in queries]
        recall = np.mean([len(set(row) & got) / 10 for row, got in zip(truth, found, strict=True)])
        assert recall > 0.9
        assert not store.exact


def test_ivf_gets_cells_once_there_is_enough_and_again_when_it_has_grown() -> None:
    store = FaissStore(Fake(), index="ivf", train_size=100)
    vectors = random_vectors(500)
    store.add_vectors(documents(500)[:99], vectors[:99])
    held = store._held
    assert held.rows is not None
    assert held.rows.index._trained_on == 0
    store.add_vectors(documents(500)[99:120], vectors[99:120])
    assert held.rows.index._trained_on == 120
    store.add_vectors(documents(500)[120:479], vectors[120:479])
    assert held.rows.index._trained_on == 120
    store.add_vectors(documents(500)[479:], vectors[479:])
    assert held.rows.index._trained_on == 500
    np.testing.assert_array_equal(held.rows.index.vectors(np.arange(500)), vectors)


@EVERY_KIND
def test_k_beyond_the_size_gives_everything(kind: dict[str, Any]) -> None:
    store, _ = filled(150, **kind)
    assert sorted(ids(store.search(random_vectors(1)[0], 9999)), key=lambda one: int(str(one))) == [
        str(i) for i in range(150)
    ]


@EVERY_KIND
def test_filters_fetch_until_k_or_exhausted(kind: dict[str, Any]) -> None:
    store, vectors = filled(300, **kind)
    query = vectors[0]
    order = np.argsort(-(vectors @ query))
    rare = {int(order[-1]), int(order[-2])}
    hits = store.search(query, 5, filter=lambda one: one.metadata["n"] in rare)
    assert {int(str(name)) for name in ids(hits)} == rare
    odd = store.search(query, 5, filter={"odd": 1})
    assert [hit.document.metadata["odd"] for hit in odd] == [1] * 5
    if store.exact:
        assert ids(odd) == [str(i) for i in order if i % 2][:5]
    assert store.search(query, 5, filter={"absent": None}) == []
    with pytest.raises(ConfigurationError, match="filter"):
        store.search(query, 5, filter="odd")  # type: ignore[call-overload]


def test_a_filter_may_call_the_store_and_change_what_it_is_shown() -> None:
    store, vectors = filled(20)

    def hostile(one: Document) -> bool:
        one.metadata.clear()
        store.add_texts(["more"], ids=["more"])
        return True

    assert len(store.search(vectors[0], 3, filter=hostile)) == 3
    assert store.get_by_ids(["0"])[0].metadata == {"n": 0, "odd": 0}


def test_scores_are_cosines_and_relevance_is_never_negative() -> None:
    store = FaissStore(Fake(2))
    store.add_vectors(documents(3), [[5, 0], [0, 2], [-1, 0]])
    store._queries.put("q", [3, 0])
    assert [score for _, score in store.similarity_search_with_score("q", k=3)] == [1.0, 0.0, -1.0]
    assert [score for _, score in store.similarity_search_with_relevance_scores("q", k=3)] == [1.0, 0.0, 0.0]
    retriever = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5, "k": 3}
    )
    assert [one.id for one in retriever.invoke("q")] == ["0"]


def test_maximal_marginal_relevance_prefers_what_differs() -> None:
    store = FaissStore(Fake(2))
    store.add_vectors(documents(3), [[1, 0.1], [1, 0.11], [0.6, -0.8]])
    near = store.max_marginal_relevance_search_by_vector([1, 0], k=2, lambda_mult=1.0)
    diverse = store.max_marginal_relevance_search_by_vector([1, 0], k=2, lambda_mult=0.2)
    assert [one.id for one in near] == ["0", "1"]
    assert [one.id for one in diverse] == ["0", "2"]
    with pytest.raises(DataError, match="lambda_mult"):
        store.max_marginal_relevance_search_by_vector([1, 0], lambda_mult=2)


def test_langchains_search_by_text_still_works() -> None:
    store, _ = filled(10)
    assert store.search("q", "similarity", k=2) == store.similarity_search("q", k=2)
    with pytest.raises(ValueError, match="not allowed"):
        store.search("q", "nonsense")
