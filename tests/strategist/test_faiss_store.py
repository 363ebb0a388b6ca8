"""FaissStore: LangChain's own suite, then adding and removing, copies and bad input."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from sentinel.errors import ConfigurationError, DataError
from strategist.stores import FaissStore
from tests.strategist.faiss_world import DIMENSION, EVERY_KIND, KINDS, Fake, documents, filled, ids, random_vectors


class TestLangChainFlat(VectorStoreIntegrationTests):
    kind: dict[str, Any] = KINDS[0]

    @pytest.fixture
    def vectorstore(self) -> VectorStore:
        return FaissStore(self.get_embeddings(), **self.kind)


class TestLangChainHnsw(TestLangChainFlat):
    kind = KINDS[1]


class TestLangChainIvf(TestLangChainFlat):
    # Trained from the first vector on, so that cells and not their exact stand-in are tested.
    kind = {"index": "ivf", "train_size": 1, "nlist": 1}  # noqa: RUF012


def test_plain_metadata_are_copies_too() -> None:
    store = FaissStore(Fake())
    plain = {"source": "s", "page": 1, "score": 0.5, "seen": True, "by": None}
    mine = Document(id="a", page_content="text", metadata=plain)
    store.add_documents([mine])
    mine.metadata["source"] = "changed"
    for _ in range(2):
        got = store.get_by_ids(["a"])[0]
        assert got.metadata == {"source": "s", "page": 1, "score": 0.5, "seen": True, "by": None}
        got.metadata.clear()


def test_documents_are_copies_on_the_way_in_and_out() -> None:
    store = FaissStore(Fake())
    mine = Document(id="a", page_content="text", metadata={"tags": ["x"]})
    store.add_documents([mine])
    mine.metadata["tags"].append("changed")
    mine.page_content = "changed"
    ways = (
        lambda: store.similarity_search("q", k=1)[0],
        lambda: store.similarity_search_with_score("q", k=1)[0][0],
        lambda: store.search(random_vectors(1)[0], 1)[0].document,
        lambda: store.get_by_ids(["a"])[0],
        lambda: store.max_marginal_relevance_search("q", k=1)[0],
        lambda: store.as_retriever().invoke("q")[0],
    )
    for way in ways:
        got = way()
        assert (got.page_content, got.metadata) == ("text", {"tags": ["x"]})
        got.metadata["tags"].clear()
        got.page_content = "changed"
    hit = store.search(random_vectors(1)[0], 1)[0]
    before = hit.vector.copy()
    hit.vector[:] = 0
    np.testing.assert_array_equal(store.search(random_vectors(1)[0], 1)[0].vector, before)


def test_a_query_is_embedded_once_and_the_memory_is_bounded() -> None:
    embeddings = Fake()
    store = FaissStore(embeddings)
    first = store.embed_query("q")
    assert store.embed_query("q") is first
    assert np.linalg.norm(first) == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 9
    for i in range(400):
        store.embed_query(f"other {i}")
    assert len(store._queries) == 256
    store.embed_query("q")
    assert embeddings.calls == 402


@EVERY_KIND
def test_adding_a_known_id_replaces_and_deleting_removes(kind: dict[str, Any]) -> None:
    store, vectors = filled(100, **kind)
    new = random_vectors(1, seed=9)
    store.add_vectors([Document(page_content="new", metadata={})], new, ids=["5"])
    assert len(store) == 100
    top = store.search(new[0], 1)[0]
    assert (top.document.page_content, top.document.id) == ("new", "5")
    assert store.delete([str(i) for i in range(50)] + ["unknown"])
    assert len(store) == 50
    assert ids(store.search(vectors[70], 1)) == ["70"]
    np.testing.assert_array_equal(store.search(vectors[70], 1)[0].vector, vectors[70])
    assert not {int(str(name)) for name in ids(store.search(vectors[3], 50))} & set(range(50))
    assert store.delete()
    assert (len(store), store.dimension, store.search(vectors[0], 3)) == (0, None, [])
    assert bool(store)


def test_of_equal_ids_in_one_call_the_last_counts() -> None:
    store = FaissStore(Fake())
    assert store.add_texts(["one", "two", "three"], ids=["a", "b", "a"]) == ["a", "b", "a"]
    assert [one.page_content for one in store.get_by_ids(["a", "b", "nobody"])] == ["three", "two"]


@pytest.mark.parametrize("bad", [[0.0] * 8, [np.nan] * 8, [np.inf] * 8, [], [1.0] * 7, [[1.0] * 8], "x" * 8])
def test_bad_query_vectors(bad: Any) -> None:
    store, _ = filled(10)
    with pytest.raises(DataError):
        store.similarity_search_by_vector(bad, 2)


@pytest.mark.parametrize("k", [0, -1, 1.5, True, 10_001])
def test_bad_k(k: Any) -> None:
    for store in (filled(10)[0], FaissStore(Fake())):
        with pytest.raises(DataError, match="k must"):
            store.similarity_search("q", k=k)


def test_bad_additions_add_nothing() -> None:
    store, vectors = filled(10)
    zero = vectors[:2].copy()
    zero[1] = 0
    for given_documents, given_vectors, names in (
        (documents(2), zero, ["x", "y"]),
        (documents(2), vectors[:1], ["x", "y"]),
        (documents(2), vectors[:2, :5], ["x", "y"]),
        (documents(2), vectors[:2], ["x"]),
        ([Document(page_content="x", metadata={"lock": threading.Lock()})], vectors[:1], ["x"]),
    ):
        with pytest.raises(DataError):
            store.add_vectors(given_documents, given_vectors, names)
    with pytest.raises(DataError, match="metadatas"):
        store.add_texts(["a", "b"], [{}])
    assert (len(store), store.get_by_ids(["x", "y"])) == (10, [])
    assert store.add_documents([]) == []


def test_bad_settings_and_options_are_named() -> None:
    for bad in ({"index": "tree"}, {"nprobe": 0}, {"nprob": 4}, {"nlist": 9, "train_size": 8}, {"hnsw_m": True}):
        with pytest.raises(ConfigurationError):
            FaissStore(Fake(), **bad)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="did you mean 'filter'"):
        FaissStore(Fake()).similarity_search("q", fliter={})
    with pytest.raises(ConfigurationError, match="Embeddings"):
        FaissStore(lambda text: [1.0])  # type: ignore[arg-type]


def test_an_embedding_without_direction_is_an_error() -> None:
    class Zero(Fake):
        def embed_query(self, text: str) -> list[float]:
            return [0.0] * DIMENSION

    store = FaissStore(Zero())
    store.add_texts(["a"])
    with pytest.raises(DataError, match="no direction"):
        store.similarity_search("q")


def test_sampled_vectors() -> None:
    store, vectors = filled(50)
    drawn = store.sample_vectors(20, seed=3)
    assert drawn.shape == (20, DIMENSION)
    np.testing.assert_array_equal(drawn, store.sample_vectors(20, seed=3))
    assert not np.array_equal(drawn, store.sample_vectors(20, seed=4))
    assert len({row.tobytes() for row in drawn}) == 20
    np.testing.assert_array_equal(store.sample_vectors(99, seed=0), vectors)
    assert FaissStore(Fake()).sample_vectors(5, 0).shape[0] == 0


def test_importing_the_store_loads_no_faiss() -> None:
    code = "import sys, strategist.stores; assert not {'faiss', 'torch', 'sentence_transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
