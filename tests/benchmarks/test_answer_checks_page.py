"""The page of answer defenses: the same tables for Markdown and the terminal, complete, with what cannot be seen."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from benchmarks.answer_checks import Checks, Rest, Row
from benchmarks.answer_checks_page import TITLE, grids, render, section
from benchmarks.statistics import Estimate, rate
from tests.benchmarks.tiny import tiny

SHARE = Estimate(0.25, 8, 0.2, 0.3)
NONE = Estimate(0.0, 8, 0.0, 0.0)
REST = Rest(SHARE, NONE, rate([0.0] * 8))


@pytest.fixture
def checks() -> Checks:
    streamed = {"single characters": Estimate(0.5, 2, 0.1, 0.9), "random pieces": Estimate(1.0, 2, 0.3, 1.0)}
    return Checks(
        questions=8,
        milliseconds={"leak_guard": [1.0, 2.0, 30.0]},
        dumped=[4.0, 4.0],
        benign={"leak_guard": {"right answer": rate([0.0] * 8), "one sentence": rate([1.0] + [0.0] * 7)}},
        bare={"word for word": Estimate(1.0, 8, 1.0, 1.0), "last word first": Estimate(1.0, 8, 1.0, 1.0)},
        rest={"word for word": {"leak_guard": REST}, "last word first": {"leak_guard": REST}},
        streamed={"word for word": dict.fromkeys(streamed, REST)},
        rows=[Row("canary_check", "half | a canary", "passes", SHARE, streamed)],
        differing={"single characters": rate([0.0] * 30)},
        prompts={"dp_answer": (6, 6), "robust_rag": (1, 6), "sdag": None},
    )


def lines(page: str, begins: str) -> list[str]:
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {begins}")]
    return [cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|")]


def test_the_page(checks: Checks) -> None:
    page = section(checks, tiny(), "two words", "sentinel-bench defenses --stage answer")
    assert page.startswith(f"## {TITLE}\n")
    assert (
        "Data set: two words (2 passages). Questions: 8. Made by\n\n    sentinel-bench defenses --stage answer" in page
    )
    benign = lines(page, "answer")
    assert benign[1:] == ["`leak_guard`", "0.0 %<br>[0.0, 32.4]", "12.5 %<br>[2.2, 47.1]", "2", "27", "0"]
    assert lines(page, "generation | `dp_answer`")[-1] == "6"
    assert lines(page, "generation | `robust_rag` (baseline)")[2:] == [*["needs a generator"] * 2, "", "", "1 to 6"]
    assert lines(page, "generation | `sdag`")[-1] == "needs a transformers model"
    repeated = lines(page, "word for word")
    assert repeated[1:3] == ["8", "100.0 %"]
    assert repeated[3] == "left 25.0 %<br>beyond 0.00 % [0.00, 0.00]<br>answers 0.0 % [0.0, 32.4]"
    assert repeated[4].endswith("<br>n 8")
    assert lines(page, "last word first (not claimed)")[4:] == ["", ""]
    assert lines(page, "`canary_check`")[1:] == [
        "half / a canary", "caught, not claimed", "25.0 % [20.0, 30.0]", "8", "50.0 %", "100.0 %", "2",
    ]  # fmt: skip
    assert "Streamed as single characters, 0.0 % [0.0, 11.4] of 30 answers were not what the whole check gives." in page
    assert "take `leak_guard` 4 ms (p95 4 ms)" in page
    assert "Paraphrase, summary and translation" in page
    assert section(checks, tiny()).count("Made by") == 0


TIMES = {
    "generator": "told",
    "answers": 4,
    "rows": [
        {
            "defense": "plain",
            "prompts": [1, 1],
            "p50_ms": 1500.0,
            "p95_ms": 2000.0,
            "ratio": {"value": 1.0, "ci_low": 1.0, "ci_high": 1.0},
        },
        {
            "defense": "attention_filter",
            "prompts": [3, 4],
            "p50_ms": 4500.0,
            "p95_ms": 9000.0,
            "ratio": {"value": 3.25, "ci_low": 2.5, "ci_high": 4.0},
        },
        {"defense": "sdag", "reason": "its attention cannot be masked"},
    ],
}


def test_what_a_generator_took_is_a_table_of_its_own(checks: Checks) -> None:
    checks.times = TIMES
    page = section(checks, tiny())
    assert "### With a generator: told, 4 answers each" in page
    assert lines(page, "generation | `attention_filter` (baseline) | 3")[2:] == [
        "3 to 4", "4.50", "9.00", "3.25", "2.50-4.00",
    ]  # fmt: skip
    assert lines(page, "generation | `sdag` | its")[2:] == ["its attention cannot be masked", "", "", "", ""]
    assert {len(row) for row in grids(checks)[-1].rows} == {len(grids(checks)[-1].header)}


def test_tables_are_well_formed(checks: Checks) -> None:
    assert [grid.title for grid in grids(checks)] == [
        "Benign answers changed", "Repeated documents", "What answer defenses are for",
    ]  # fmt: skip
    for grid in grids(checks):
        assert {len(row) for row in grid.rows} == {len(grid.header)}
    assert not grids(Checks())
    assert TITLE in section(Checks(), tiny())


def test_the_terminal_shows_the_same_figures(checks: Checks) -> None:
    console = Console(file=StringIO(), width=200)
    render(checks, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for figure in ("12.5 %", "[2.2, 47.1]", "beyond 0.00 %", "caught, not claimed", "1 to 6", "of 30 answers"):
        assert figure in shown
    assert "`" not in shown
    assert "needs a generator" not in shown, "left blank where every column would say it"
