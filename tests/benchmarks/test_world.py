"""The corpora of a run: planted documents look like the others, and texts are embedded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document

from benchmarks.attacks import Planted
from benchmarks.data import Dataset, Passage, load
from benchmarks.frozen import PASSAGE, key
from benchmarks.runner import Settings, prepare
from benchmarks.world import KnownEmbeddings, World, build_world
from strategist.stores.faiss import FaissStore
from tests.benchmarks.datasets import BagOfWords, write


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data"))


def world(data: Dataset, planted: list[Planted], seed: int = 0) -> World:
    texts = [p.text for p in data.passages] + [p.text for p in planted]
    return build_world(data, planted, KnownEmbeddings(BagOfWords(), texts, []), seed)


def everything(world: World) -> list:
    return world.store.similarity_search("x", k=10_000)


def test_a_clean_world_is_the_corpus(data: Dataset) -> None:
    made = world(data, [])
    assert made.planted == {}
    found = {d.id: (d.page_content, d.metadata) for d in everything(made)}
    assert found == {p.id: (p.text, {**p.metadata, "title": p.title}) for p in data.passages}


def test_poisons_of_all_targets_stand_together_and_nothing_but_text_tells_them_apart(data: Dataset) -> None:
    (job, clean) = prepare(data, Settings(["rules"], ["poisonedrag"]))
    assert clean.planted == ()
    made = world(data, list(job.planted))
    documents = everything(made)
    assert len(documents) == 40 + 20
    assert sorted(made.planted.values()) == sorted(t.query_id for t in data.poison for _ in range(5))
    planted = [d for d in documents if d.id in made.planted]
    assert sorted(d.page_content for d in planted) == sorted(item.text for item in job.planted)
    clean_metadata = [{**p.metadata, "title": p.title} for p in data.passages]
    for document in planted:
        assert document.metadata in clean_metadata
        assert document.id not in data.by_id
        assert document.id.startswith("doc-")
        assert len(document.id) == len("doc-0000")
        text = next(p.text for p in job.planted if p.text == document.page_content)
        assert made.planted[document.id] == next(p.target for p in job.planted if p.text == text)


def test_where_they_stand_and_how_they_are_called_depends_on_the_seed(data: Dataset, monkeypatch: Any) -> None:
    orders: list[list[bool]] = []
    add = FaissStore.add_vectors

    def noted(store: FaissStore, documents: list[Document], vectors: Any) -> Any:
        orders.append([d.page_content.startswith("poison") for d in documents])
        return add(store, documents, vectors)

    monkeypatch.setattr(FaissStore, "add_vectors", noted)
    planted = [Planted("q0", f"poison {i}") for i in range(10)]
    made, again, other = world(data, planted), world(data, planted), world(data, planted, seed=1)
    assert again.planted == made.planted
    assert other.planted != made.planted
    assert orders[0] == orders[1] != orders[2]
    assert sum(orders[0][-10:]) < 10  # not all at the end


@pytest.mark.parametrize(
    ("ids", "stem", "lengths"),
    [
        ([f"d{i}" for i in range(5)], "d", {2}),  # five of ten one-digit names are free
        ([f"{i:03}" for i in range(50)], "", {3}),
        ([f"x{i}" for i in range(10)], "x", {3}),  # no one-digit name is free
        (["alpha", "beta"], "", {6, 5}),
    ],
)
def test_ids_keep_to_the_corpus_s_fashion(ids: list[str], stem: str, lengths: set[int], tmp_path: Path) -> None:
    data = Dataset("d", tmp_path, tuple(Passage(i, f"text {i}") for i in ids), ())
    made = world(data, [Planted("t", f"p{n}") for n in range(3)])
    assert len(made.planted) == 3
    for made_id in made.planted:
        assert made_id not in ids
        assert made_id.startswith(stem)
        assert len(made_id) in lengths


def test_each_text_is_embedded_once_and_unit_length() -> None:
    model, told = BagOfWords(), []
    known = {key(PASSAGE, "frozen"): np.array([1.0] + [0.0] * 95, dtype=np.float32)}
    made = KnownEmbeddings(model, ["a", "b", "a", "frozen"], ["a", "q", "q"], known, lambda *n: told.append(n))
    assert model.embedded == 4  # passages a and b, queries a and q
    assert made.array(["frozen", "b", "a"]).shape == (3, 96)
    assert made.array(["frozen"])[0, 0] == 1.0
    made.embed_query("q")
    made.embed_documents(["a", "b"])
    assert model.embedded == 4
    assert np.linalg.norm(made.array(["new text"]), axis=1) == pytest.approx(1.0)
    made.embed_query("new query")
    made.embed_query("new query")
    assert model.embedded == 6
    assert made.fingerprint == "bag-of-words"
    assert told


def test_passages_and_queries_may_have_other_vectors() -> None:
    class TwoSided(BagOfWords):
        fingerprint = "two-sided"

        def embed_query(self, text: str) -> list[float]:
            return self.vector("query " + text)

    made = KnownEmbeddings(TwoSided(), ["same"], ["same"])
    assert made.embed_query("same") != made.embed_documents(["same"])[0]


def test_queries_can_be_learned_later() -> None:
    model = BagOfWords()
    known = KnownEmbeddings(model, [], ["early"])
    known.learn(["late", "early", "late"])
    assert model.embedded == 2
    assert known.embed_query("late") == pytest.approx(model.vector("late"), abs=1e-6)
    assert model.embedded == 3  # the test's own
