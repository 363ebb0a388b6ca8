"""The answer stage as a reader sees it: in a terminal and on the page."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from benchmarks import answer_table, table
from benchmarks.report import command, html


def cell(
    policy: str, attack: str, metric: str, value: float | None, low: float = 0.0, high: float = 1.0, **more: Any
) -> Any:
    ends = (None, None) if value is None else (low, high)
    return {
        "dataset": "d", "group": None, "policy": policy, "attack": attack, "metric": metric, "stage": "answer",
        "value": value, "n": 20, "ci_low": ends[0], "ci_high": ends[1], "errors": 0, "not_retrieved": 0,
    } | more  # fmt: skip


def summary(*cells: Any, **run: Any) -> dict[str, Any]:
    answers = {
        "fingerprint": "sha256:1", "greedy": True, "max_tokens": 48, "generation": None,
        "prompt_defenses": [["spotlight", {}]], "answer_defenses": [["leak_guard", {"quote_words": 60}]],
    }  # fmt: skip
    made = {
        "data": {"name": "d", "hash": "h"}, "seed": 0, "limit": None, "version": "0", "generator": "tiny-instruct",
        "answers": answers, "command": {"data": "d", "generator": "org/tiny", "prompt_defenses": "spotlight"},
        "embeddings": "e",
    } | run  # fmt: skip
    return {"schema": 1, "run": made, "cells": list(cells)}


FULL = (
    cell("none", "poisonedrag", "exposure_rate", 1.0, 0.84, 1.0),
    cell("none", "poisonedrag", "obeyed_rate", 0.75, 0.53, 0.89),
    cell("none", "poisonedrag", "asr", 0.75, 0.53, 0.89),
    cell("adaptive", "poisonedrag", "exposure_rate", 0.0, 0.0, 0.16),
    cell("adaptive", "poisonedrag", "obeyed_rate", None, n=0),
    cell("adaptive", "poisonedrag", "asr", 0.05, 0.01, 0.24, errors=2),
    cell("adaptive", "poisonedrag", "asr", 0.9, group="a group of its own"),
    cell("adaptive", "benign", "answer_accuracy", 0.5, 0.4, 0.6, n=9),
    cell("adaptive", "benign", "accuracy_vs_none", -0.1, -0.2, -0.01, n=9),
    cell("none", "mba", "auc", 0.9, 0.8, 1.0),
)


def rendered(made: dict[str, Any], width: int, **options: Any) -> str:
    raw = io.BytesIO()
    encoding = options.pop("encoding", "utf-8")
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    table.render(made, Console(file=file, width=width, **options))
    return raw.getvalue().decode(encoding)


def test_a_block_for_each_family_and_a_row_for_each_policy() -> None:
    blocks = {block.heading: block for block in answer_table.blocks(summary(*FULL))}
    assert list(blocks) == ["answers to users", "membership from answers", "poisoned answers"]
    poisoned = blocks["poisoned answers"]
    assert poisoned.columns == ("retrieved", "obeyed", "end to end")
    assert [[figure.text for figure in row.figures] for row in poisoned.rows] == [
        ["1.00", "0.75", "0.75"],
        ["0.00", "–", "0.05"],
    ]
    assert [(row.policy, row.n, row.errors) for row in poisoned.rows] == [("none", "20", 0), ("adaptive", "0-20", 2)]


def test_what_is_worse_than_no_defense_is_marked() -> None:
    (benign, *_) = answer_table.blocks(summary(*FULL))
    accuracy, difference = benign.rows[0].figures
    assert not accuracy.worse  # there is no figure of no defense to compare it with
    assert difference == answer_table.Figure(
        "-0.10",
        "-0.20–-0.01",
        "accuracy_vs_none -0.100, 95 % interval -0.20–-0.01, n = 9, errors 0, worse than no defense",
        True,
    )


def test_attacks_that_need_longer_answers_are_named_with_them() -> None:
    made = summary(*FULL)
    made["run"]["attacks"] = ["benign", "extract-repeat", "extract-continue", "isc"]
    said = dict(answer_table.told(made))["stage answer"]
    assert "48 tokens at most (256 for extract-repeat, extract-continue; 160 for isc);" in said
    made["run"]["answers"]["max_tokens"] = 200
    assert "200 tokens at most (256 for" in dict(answer_table.told(made))["stage answer"]
    made["run"]["answers"]["max_tokens"] = 256
    assert "256 tokens at most;" in dict(answer_table.told(made))["stage answer"]


@pytest.mark.parametrize("width", [70, 100, 160])
def test_in_a_terminal_of_any_width(width: int) -> None:
    text = rendered(summary(*FULL, forms={"mba": "cloze"}), width)
    words = " ".join(text.split())
    assert (
        "tiny-instruct answers, greedily, 48 tokens at most; spotlight, leak_guard quote_words=60 for every policy but "
        "none." in words
    )
    assert "the generator was asked for one completion per blank" in words
    assert "2 sessions without an answer" in words
    assert "This run has no figures" not in text
    assert ("0.53–0.89" in text) == (width >= answer_table.WIDE)
    assert "-0.10" in text
    assert "!" in text


def test_in_ascii() -> None:
    assert rendered(summary(*FULL), 160, encoding="ascii").isascii()


def test_a_run_without_answers_says_nothing_of_them() -> None:
    assert answer_table.blocks(summary()) == []
    assert "answers" not in rendered(summary(), 120)
    assert "What a generator made of it" not in html(summary())


def test_the_page_has_a_part_of_its_own() -> None:
    text = html(summary(*FULL))
    assert "What a generator made of it" in text
    assert text.count("<h3>poisoned answers</h3>") == 1
    assert "obeyed_rate 0.750, 95 % interval 0.53–0.89, n = 20, errors 0" in text
    assert "One generator answered, tiny-instruct" in text
    assert "No language model answered" not in text


def test_names_are_escaped_on_the_page() -> None:
    evil = "<script>x</script>"
    text = html(summary(*(one | {"policy": evil} for one in FULL), generator=evil))
    assert "<script" not in text


def test_the_command_names_who_answers() -> None:
    said = command(summary()["run"])
    assert "--generator org/tiny --prompt-defenses spotlight --max-tokens 48" in said
    assert said.count("--generator") == 1
