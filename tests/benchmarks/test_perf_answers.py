"""`sentinel-bench perf --generator`: which defenses are timed, and how often they ask; never how long anything took."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.data import Dataset, load
from benchmarks.perf_answers import PLAIN, K, measure, read, render, subjects
from defenses import DEFENSES, Prompt
from sentinel.errors import ComponentError, DataError
from sentinel.manifest import Need, Stage
from strategist.generators import TransformersGenerator
from tests.benchmarks.datasets import BagOfWords
from tests.strategist.tiny_generators import SHAPE, build


@cache
def small() -> Dataset:
    data = load("bundled")
    return replace(data, passages=data.passages[:40], queries=data.queries[:6])


class Told:
    """Answers everything alike, and remembers how often it was asked."""

    name = "told"

    def __init__(self) -> None:
        self.prompts = 0

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        self.prompts += len(prompts)
        return ["It is said to be the third of May."] * len(prompts)


class Broken(Told):
    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        raise RuntimeError("gone")


def test_every_defense_of_the_answers_half_is_a_subject() -> None:
    stages = {name: DEFENSES.get(name).manifest.stage for name in subjects()[1:]}
    assert subjects()[0] == PLAIN
    assert {"safe_redirect", "spotlight", "sdag", "robust_rag", "dp_answer", "leak_guard"} <= set(stages)
    assert set(stages.values()) == {Stage.PROMPT, Stage.GENERATION, Stage.ANSWER}


def test_all_answer_the_same_questions_and_prompts_are_counted() -> None:
    generator = Told()
    result = measure(generator, BagOfWords(), ["ensemble_privacy", "leak_guard", "spotlight"], 4, 0, data=small())
    rows = {row["defense"]: row for row in result["rows"]}
    assert list(rows) == [PLAIN, "ensemble_privacy", "leak_guard", "spotlight"]
    assert result["answers"] == 4
    assert [rows[name]["prompts"] for name in (PLAIN, "leak_guard", "spotlight")] == [[1, 1]] * 3
    assert rows["ensemble_privacy"]["prompts"][0] > 1
    asked = sum(row["prompts"][0] for row in rows.values())
    assert generator.prompts == 5 * asked, "one question more warms up"
    assert rows[PLAIN]["ratio"] == {"value": 1.0, "n": 4, "ci_low": 1.0, "ci_high": 1.0}
    for row in rows.values():
        assert 0.0 < row["p50_ms"] <= row["p95_ms"]
        assert row["ratio"]["ci_low"] <= row["ratio"]["value"] <= row["ratio"]["ci_high"]


def test_what_a_generator_cannot_serve_says_why() -> None:
    wanting = [name for name in subjects()[1:] if Need.ATTENTION in DEFENSES.get(name).manifest.needs]
    result = measure(Told(), BagOfWords(), wanting, 2, 0, data=small())
    barred = {row["defense"]: row.get("reason") for row in result["rows"]}
    assert barred.pop(PLAIN) is None
    assert set(barred) == {"sdag", "attention_filter"}
    assert all("whose attention can be read" in str(reason) for reason in barred.values()), barred
    text = io.StringIO()
    render(result, Console(file=text, width=80))
    assert "not timed: sdag: " in text.getvalue()
    assert "/ plain: all of a defense's time to the plain chain's on the same questions." in text.getvalue(), "one line"


def test_what_was_kept_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    result = measure(Told(), BagOfWords(), ["leak_guard", "sdag"], 2, 0, data=small())
    kept = tmp_path / "perf-answers.json"
    kept.write_text(json.dumps(result))
    assert read(kept) == result
    for wrong in (
        "{",
        "[]",
        '{"schema": 1}',
        '{"schema": 1, "rows": [7]}',
        json.dumps({**result, "schema": 2}),
        json.dumps({**result, "rows": [{"defense": "nobody", "reason": "unknown"}]}),
        json.dumps({**result, "rows": [{"defense": "leak_guard", "prompts": [1, 1]}]}),
    ):
        kept.write_text(wrong)
        with pytest.raises(DataError, match=r"perf-answers\.json: (no figures of perf|made by another version)"):
            read(kept)
    with pytest.raises(DataError, match="no figures of perf --generator"):
        read(tmp_path / "nowhere.json")


def test_a_failure_is_no_figure() -> None:
    with pytest.raises(ComponentError, match="told: RuntimeError"):
        measure(Broken(), BagOfWords(), [], 2, 0, data=small())


def test_fewer_questions_than_were_asked_for() -> None:
    assert measure(Told(), BagOfWords(), [], 50, 0, data=small())["answers"] == 5


@pytest.mark.slow
def test_every_defense_on_a_model_whose_attention_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPE, "max_position_embeddings", 8192)  # it reads bytes, and some prompts are long
    generator = TransformersGenerator(build(tmp_path / "model"))
    result = measure(generator, BagOfWords(), subjects(), 2, 0, data=small())
    rows = {row["defense"]: row for row in result["rows"]}
    assert set(rows) == set(subjects())
    assert not [row for row in rows.values() if "reason" in row]
    assert rows["sdag"]["prompts"] == [1, 1]
    assert rows["robust_rag"]["prompts"][1] >= K
    assert np.isfinite([row["ratio"]["value"] for row in rows.values()]).all()
    text = io.StringIO()
    render(result, Console(file=text, width=80))
    assert "…" not in text.getvalue()
    assert all(f" {name} " in text.getvalue() for name in subjects())
