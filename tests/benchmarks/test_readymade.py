"""Ready-made documents: what the generators promise of each family, the files, and what the shipped ones do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import readymade
from benchmarks._decoding import copied_run
from benchmarks.data import FAMILIES, Dataset, load
from benchmarks.readymade import (
    LONGEST_COPY,
    NAME,
    TEXTS,
    Retriever,
    advdecoding_rows,
    blind_rows,
    phantom_rows,
    write_samples,
)
from benchmarks.runner import Settings
from benchmarks.validate import check
from sentinel.errors import ConfigurationError
from sentinel.text import words
from tests.benchmarks.datasets import BagOfWords, run_once, value

SHIPPED = load("bundled")


@pytest.fixture
def data() -> Dataset:
    return load("bundled")


def test_phantom_documents_start_with_the_trigger_of_the_query(data: Dataset) -> None:
    for row in phantom_rows(data, Retriever(BagOfWords()), 0, 4):
        trigger = row["documents"][0].split()[0]
        question = data.query_by_id[row["query_id"]].text
        assert trigger in words(question)
        assert row["query"] == question
        assert any(trigger in words(p.text) for p in data.passages)
        assert all(d.startswith(trigger) and question not in d for d in row["documents"])
        assert len(set(row["documents"])) == readymade.WIDTH
        assert row["goal"]


def test_decoded_documents_end_in_the_claim_and_do_not_copy_the_question(data: Dataset) -> None:
    rows = list(advdecoding_rows(data, Retriever(BagOfWords()), 0, 3))
    assert len(rows) == 3
    for row in rows:
        (document,) = row["documents"]
        assert row["goal"] in document
        assert copied_run(tuple(document.split()), row["query"]) <= LONGEST_COPY + readymade.PIECE
        corpus = {word for p in data.passages for word in words(p.text)}
        assert set(words(document.split(". ")[0])) <= corpus  # nothing but words of the corpus


def test_blind_documents_state_false_things_and_are_written_without_the_question(data: Dataset) -> None:
    rows = list(blind_rows(data, 0, 10))
    assert len(rows) == 10
    assert max(len(row["documents"]) for row in rows) > 1
    for row in rows:
        assert 1 <= len(row["documents"]) <= TEXTS
        assert all(said in text for said, text in zip(row["goal"].split("; "), row["documents"], strict=True))


def test_the_same_seed_gives_the_same_rows(data: Dataset) -> None:
    def made(seed: int) -> list[dict[str, Any]]:
        model = Retriever(BagOfWords())
        return [
            *phantom_rows(data, model, seed, 1),
            *advdecoding_rows(data, model, seed, 1),
            *blind_rows(data, seed, 2),
        ]

    assert made(3) == made(3)
    assert made(3) != made(4)


def test_a_new_folder_gets_the_whole_data_set_and_is_valid(data: Dataset, tmp_path: Path) -> None:
    written = write_samples(data, tmp_path / "new", BagOfWords(), 0, 2)
    assert written == {NAME.format(family=family): 2 for family in FAMILIES}
    made = load(tmp_path / "new")
    assert made.passages == data.passages
    assert [len(getattr(made, f"{family}_documents")) for family in FAMILIES] == [2, 2, 2]
    assert check(tmp_path / "new")[0] == []
    with pytest.raises(ConfigurationError, match="holds files already"):
        write_samples(data, tmp_path / "new", BagOfWords(), 0, 2)


def test_the_shipped_ones_are_for_questions_of_the_data_set() -> None:
    for family in FAMILIES:
        rows = getattr(SHIPPED, f"{family}_documents")
        assert len(rows) == readymade.COUNT
        assert {row.query_id for row in rows} <= set(SHIPPED.query_by_id)
        file = SHIPPED.folder / NAME.format(family=family)
        assert [json.loads(line)["query"] for line in file.read_text("utf-8").splitlines()] == [r.query for r in rows]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
def test_the_shipped_ones_come_up_undefended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategist.embeddings import load_embeddings

    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    made = run_once(SHIPPED, Settings(["none"], FAMILIES), tmp_path / "run", load_embeddings())
    for family, least in EXPOSED.items():
        assert value(made, "none", family, "exposure_rate") >= least, family


EXPOSED = {"phantom": 0.4, "advdecoding": 0.9, "blind": 0.6}
"""Undefended exposure that the shipped samples have at the least with the packaged model."""
