"""FaissStore on disk: it comes back as it was, or is refused."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from sentinel.errors import DataError
from strategist.stores import FaissStore
from tests.strategist.faiss_world import DIMENSION, EVERY_KIND, Fake, filled, ids, random_vectors


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
