"""Frozen vectors are used for the very corpus and model that they were made of, and else not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data import Dataset, load
from benchmarks.frozen import HEADER, VECTORS, freeze, frozen_vectors
from tests.benchmarks.datasets import BagOfWords, write

MODEL = BagOfWords.fingerprint


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    data = load(write(tmp_path))
    freeze(data, BagOfWords())
    return data


def test_they_are_the_model_s_own(data: Dataset) -> None:
    found = frozen_vectors(data, MODEL)
    assert list(found) == [p.text for p in data.passages]
    for text in list(found)[:3]:
        assert found[text] == pytest.approx(np.array(BagOfWords().vector(text)), abs=1e-6)


def test_nothing_lies_there(tmp_path: Path) -> None:
    assert frozen_vectors(load(write(tmp_path)), MODEL) == {}


def test_another_model(data: Dataset) -> None:
    assert frozen_vectors(data, "another") == {}


def test_another_corpus(data: Dataset) -> None:
    path = data.folder / "corpus.jsonl"
    path.write_text(path.read_text() + json.dumps({"_id": "new", "text": "new"}) + "\n")
    assert frozen_vectors(load(data.folder), MODEL) == {}


def test_other_vectors(data: Dataset) -> None:
    np.save(data.folder / VECTORS, np.zeros((40, 96), np.float32))
    assert frozen_vectors(data, MODEL) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", "null"])
def test_a_damaged_header(data: Dataset, content: str) -> None:
    (data.folder / HEADER).write_text(content)
    assert frozen_vectors(data, MODEL) == {}


def test_a_data_set_with_passages_held_out_goes_without(data: Dataset) -> None:
    assert frozen_vectors(dataclasses.replace(data, passages=data.passages[:-1]), MODEL) == {}


def test_pickles_are_never_loaded(data: Dataset) -> None:
    np.save(data.folder / VECTORS, np.array([{"a": 1}] * 40, dtype=object), allow_pickle=True)
    header = json.loads((data.folder / HEADER).read_text())
    import hashlib

    header["vectors"] = hashlib.sha256((data.folder / VECTORS).read_bytes()).hexdigest()
    (data.folder / HEADER).write_text(json.dumps(header))
    assert frozen_vectors(data, MODEL) == {}
