"""Frozen vectors are the model's own, are used for the very text and model that they were made of, and else not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data import Dataset, load
from benchmarks.frozen import HEADER, PASSAGE, QUERY, VECTORS, freeze, frozen_vectors, key
from benchmarks.runner import texts_of_default_run
from strategist.embeddings import load_embeddings
from tests.benchmarks.datasets import BagOfWords, write

MODEL = BagOfWords.fingerprint


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    data = load(write(tmp_path / "data"))
    freeze(data, BagOfWords(), [p.text for p in data.passages], ["asked", "asked", "again"])
    return data


def test_they_are_the_model_s_own(data: Dataset) -> None:
    found = frozen_vectors(data, MODEL)
    assert set(found) == {key(PASSAGE, p.text) for p in data.passages} | {key(QUERY, "asked"), key(QUERY, "again")}
    for passage in data.passages[:3]:
        expected = pytest.approx(np.array(BagOfWords().vector(passage.text)), abs=1e-6)
        assert found[key(PASSAGE, passage.text)] == expected


def test_a_passage_is_no_query() -> None:
    assert key(PASSAGE, "text") != key(QUERY, "text")


def test_nothing_lies_there(tmp_path: Path) -> None:
    assert frozen_vectors(load(write(tmp_path)), MODEL) == {}


def test_another_model(data: Dataset) -> None:
    assert frozen_vectors(data, "another") == {}


def test_other_vectors(data: Dataset) -> None:
    np.save(data.folder / VECTORS, np.zeros((40, 96), np.float32))
    assert frozen_vectors(data, MODEL) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", "null"])
def test_a_damaged_header(data: Dataset, content: str) -> None:
    (data.folder / HEADER).write_text(content)
    assert frozen_vectors(data, MODEL) == {}


def test_pickles_are_never_loaded(data: Dataset) -> None:
    np.save(data.folder / VECTORS, np.array([{"a": 1}] * 40, dtype=object), allow_pickle=True)
    header = json.loads((data.folder / HEADER).read_text())
    header["vectors"] = hashlib.sha256((data.folder / VECTORS).read_bytes()).hexdigest()
    (data.folder / HEADER).write_text(json.dumps(header))
    assert frozen_vectors(data, MODEL) == {}


def test_the_bundled_ones_hold_every_text_of_the_default_run() -> None:
    # Red after a change of wording: run `python -m benchmarks.frozen`.
    bundled = load("bundled")
    header = json.loads((bundled.folder / HEADER).read_text())
    passages, queries = texts_of_default_run(bundled)
    wanted = {key(PASSAGE, text) for text in passages} | {key(QUERY, text) for text in queries}
    assert wanted == set(header["keys"])


@pytest.mark.slow
def test_the_bundled_ones_are_the_packaged_model_s() -> None:
    bundled, model = load("bundled"), load_embeddings()
    found = frozen_vectors(bundled, model.fingerprint)  # type: ignore[attr-defined]
    passages, queries = texts_of_default_run(bundled)
    for kind, texts, embed in (
        (PASSAGE, passages[::97], model.embed_array),  # type: ignore[attr-defined]
        (QUERY, queries[::97], model.embed_queries),  # type: ignore[attr-defined]
    ):
        frozen = np.stack([found[key(kind, text)] for text in texts])
        assert np.allclose(frozen, embed(texts), atol=1e-5)
