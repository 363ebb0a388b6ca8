"""FaissStore: LangChain's own suite, then search against brute force, copies, files, bad input and threads."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests
from numpy.typing import NDArray

from sentinel.errors import ConfigurationError, DataError
from strategist.stores import FaissStore, Hit
from strategist.stores._faiss_index import ReadWriteLock

DIMENSION = 8
KINDS: list[dict[str, Any]] = [
    {"index": "flat"},
    {"index": "hnsw"},
    {"index": "ivf", "train_size": 64, "nlist": 8, "nprobe": 2},
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind["index"] for kind in KINDS])


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
    made = np.random.default_rng(seed).normal(size=(n, dimension))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def documents(n: int) -> list[Document]:
    return [Document(id=str(i), page_content=f"text {i}", metadata={"n": i, "odd": i % 2}) for i in range(n)]


def filled(n: int = 300, **kind: Any) -> tuple[FaissStore, NDArray[np.float32]]:
    store = FaissStore(Fake(), **kind)
    vectors = random_vectors(n)
    store.add_vectors(documents(n), vectors)
    return store, vectors


def ids(hits: list[Hit]) -> list[str | None]:
    return [hit.document.id for hit in hits]


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


async def test_async_gives_the_same_from_other_threads() -> None:
    embeddings = Fake()
    store = FaissStore(embeddings)
    await store.aadd_texts([f"text {i}" for i in range(30)], ids=[str(i) for i in range(30)])
    got = await store.asimilarity_search_with_score("q", k=5)
    assert threading.get_ident() not in embeddings.threads
    assert got == store.similarity_search_with_score("q", k=5)
    assert await store.asimilarity_search("q", k=5) == store.similarity_search("q", k=5)
    assert await store.amax_marginal_relevance_search("q", k=3) == store.max_marginal_relevance_search("q", k=3)
    assert await store.asearch("q", "similarity", k=2) == store.similarity_search("q", k=2)
    vector = store.embed_query("q")
    hits = await store.asearch(vector, k=5)
    assert ids(hits) == ids(store.search(vector, k=5))
    assert await store.as_retriever().ainvoke("q") == store.as_retriever().invoke("q")
    assert embeddings.calls == 1


async def test_the_event_loop_runs_on_while_a_search_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    store, vectors = filled(10)
    monkeypatch.setattr(store._held, "hits", lambda *_: time.sleep(0.3) or [])
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    task = asyncio.create_task(beat())
    ways = (
        lambda: store.asearch(vectors[0], 3),
        lambda: store.asimilarity_search("q", k=3),
        lambda: store.amax_marginal_relevance_search("q", k=3),
    )
    for way in ways:
        before = beats
        await way()
        assert beats > before + 5
    task.cancel()


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


# On disk


@EVERY_KIND
def test_a_saved_store_comes_back_as_it_was(kind: dict[str, Any], tmp_path: Path) -> None:
    store, vectors = filled(200, **kind)
    store.save_local(tmp_path / "store")
    back = FaissStore.load_local(tmp_path / "store", Fake())
    assert (len(back), back.dimension, back.exact) == (200, DIMENSION, store.exact)
    for query in random_vectors(5, seed=2):
        for one, other in zip(store.search(query, 7), back.search(query, 7), strict=True):
            assert (one.document, one.similarity) == (other.document, other.similarity)
            np.testing.assert_array_equal(one.vector, other.vector)
    # It goes on as a store does.
    back.add_texts(["more"], ids=["more"])
    back.delete(["3"])
    assert len(back) == 200
    assert ids(back.search(vectors[4], 1)) == ["4"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(), st.dictionaries(st.text(), json_values, max_size=3)), max_size=4))
def test_any_text_and_json_metadata_survive(pairs: list[tuple[str, dict[str, Any]]]) -> None:
    store = FaissStore(Fake())
    names = store.add_texts([text for text, _ in pairs], [metadata for _, metadata in pairs])
    with tempfile.TemporaryDirectory() as folder:
        store.save_local(folder)
        back = FaissStore.load_local(folder, Fake())
    assert back.get_by_ids(names) == store.get_by_ids(names)
    assert [one.metadata for one in back.get_by_ids(names)] == [metadata for _, metadata in pairs]


@pytest.mark.parametrize("value", [{1, 2}, (1, 2), float("nan"), {1: 2}, object, b"x"])
def test_metadata_that_is_not_json_is_named_and_the_old_save_stays(value: Any, tmp_path: Path) -> None:
    store, _ = filled(5)
    store.save_local(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    store.add_vectors([Document(id="culprit", page_content="x", metadata={"v": value})], random_vectors(1))
    with pytest.raises(DataError, match="culprit"):
        store.save_local(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_saving_again_leaves_only_the_new_files(tmp_path: Path) -> None:
    store, _ = filled(5)
    store.save_local(tmp_path)
    (tmp_path / "notes.txt").write_text("the user's own")
    store.add_texts(["more"])
    store.save_local(tmp_path)
    assert len(FaissStore.load_local(tmp_path, Fake())) == 6
    assert len(list(tmp_path.iterdir())) == 4
    assert not list(tmp_path.glob(".saving*"))


def test_an_interrupted_save_leaves_the_old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = filled(5)
    store.save_local(tmp_path)
    store.add_texts(["more"])
    from strategist.stores import _faiss_files

    real = _faiss_files.os.replace

    def dies_at_the_header(source: Path, target: Path) -> None:
        if Path(target).name == "header.json":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(_faiss_files.os, "replace", dies_at_the_header)
    with pytest.raises(KeyboardInterrupt):
        store.save_local(tmp_path)
    monkeypatch.undo()
    assert len(FaissStore.load_local(tmp_path, Fake())) == 5


def test_folders_that_cannot_be_loaded(tmp_path: Path) -> None:
    def load(embeddings: Embeddings | None = None) -> FaissStore:
        return FaissStore.load_local(tmp_path, embeddings or Fake())

    with pytest.raises(DataError, match="is missing"):
        load()
    filled(5)[0].save_local(tmp_path)
    with pytest.raises(DataError, match="other-model"):
        load(Fake(fingerprint="other-model"))
    header = tmp_path / "header.json"
    good = header.read_text()
    files = [path for path in tmp_path.iterdir() if path != header]
    assert {path.suffix for path in files} == {".faiss", ".jsonl"}
    for path in files:
        content = path.read_bytes()
        flipped = bytes([content[0] ^ 1]) + content[1:]
        for broken in (content[:-1], flipped, b""):
            path.write_bytes(broken)
            with pytest.raises(DataError, match="corrupt"):
                load()
        path.unlink()
        with pytest.raises(DataError, match="cannot be read"):
            load()
        path.write_bytes(content)

    def changed(**entries: Any) -> str:
        return json.dumps(json.loads(good) | entries)

    outside = json.loads(good)["files"]
    name = outside["documents"]["name"]
    (tmp_path.parent / name).write_bytes((tmp_path / name).read_bytes())
    outside["documents"] = outside["documents"] | {"name": "../" + name}
    for text in (
        "",
        "{}",
        "[]",
        good[:-9],
        changed(schema=2),
        changed(dimension=7),
        changed(dimension=None),
        changed(count=4),
        changed(files={}),
        changed(files=outside),
        changed(settings={"kind": "hnsw"}),
        changed(settings={"kind": "tree"}),
        changed(settings=None),
    ):
        header.write_text(text)
        with pytest.raises(DataError):
            load()
    header.write_text(good)
    assert len(load()) == 5


def test_a_model_of_another_dimension_under_the_same_name_is_found_at_the_first_query(tmp_path: Path) -> None:
    filled(5)[0].save_local(tmp_path)
    with pytest.raises(DataError, match="dimensions"):
        FaissStore.load_local(tmp_path, Fake(size=5)).similarity_search("q")


@EVERY_KIND
def test_readers_and_a_writer_at_once(kind: dict[str, Any]) -> None:
    """Every hit's similarity, vector and text belong together at any moment of additions and deletions."""
    base = random_vectors(400)
    store = FaissStore(Fake(), **kind)
    store.add_vectors(documents(400)[:150], base[:150])
    errors: list[BaseException] = []
    done = threading.Event()

    def read(seed: int) -> None:
        generator = np.random.default_rng(seed)
        try:
            while not done.is_set():
                query = base[generator.integers(400)]
                for hit in store.search(query, 6, filter={"odd": 1} if seed % 2 else None):
                    row = int(str(hit.document.id))
                    np.testing.assert_array_equal(hit.vector, base[row])
                    assert hit.similarity == pytest.approx(float(base[row] @ query), abs=1e-5)
                store.get_by_ids(["1", "160"])
                store.sample_vectors(5, seed)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    for start in range(150, 400, 25):
        store.add_vectors(documents(400)[start : start + 25], base[start : start + 25])
        if start % 50 == 0:
            store.delete([str(i) for i in range(start - 100, start - 90)])
    done.set()
    for reader in readers:
        reader.join(30)
        assert not reader.is_alive()
    assert not errors
    assert len(store) == 350


def test_the_lock_lets_readers_share_and_a_waiting_writer_goes_first() -> None:
    lock, order, threads = ReadWriteLock(), [], []
    release = threading.Event()

    def start(work: Any) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        time.sleep(0.05)

    def long_reader() -> None:
        with lock.read():
            order.append("in")
            release.wait(10)
            order.append("out")

    def writer() -> None:
        with lock.write():
            order.append("write")
            time.sleep(0.05)
            order.append("written")

    def late_reader() -> None:
        with lock.read():
            order.append("late")

    start(long_reader)
    start(long_reader)
    start(writer)
    start(late_reader)
    assert order == ["in", "in"]
    release.set()
    for thread in threads:
        thread.join(10)
    assert order == ["in", "in", "out", "out", "write", "written", "late"]


def test_importing_the_store_loads_no_faiss() -> None:
    code = "import sys, strategist.stores; assert not {'faiss', 'torch', 'sentence_transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
