"""SafeRedirect taken apart, on a reader that does as it is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.answering import Answers
from benchmarks.redirect import RESULT, VARIANTS, redirect, render, said, write
from benchmarks.runfolder import read_summary
from defenses import build
from sentinel.errors import DataError
from tests.benchmarks.datasets import BagOfWords
from tests.benchmarks.gullible import Gullible
from tests.benchmarks.tiny import tiny

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    monkeypatch.setattr("benchmarks.attacks.isc.TASKS", 3)


@pytest.fixture
def result() -> dict[str, Any]:
    return redirect(Answers(Gullible(), tiny()), BagOfWords(2000), limit=9)


def figure(result: dict[str, Any], variant: str, metric: str, key: str = "value") -> Any:
    (row,) = [row for row in result["variants"] if row["variant"] == variant]
    return row["metrics"][metric][key]


def test_every_component_is_left_out_once() -> None:
    redirects = [dict(v.prompt).get("safe_redirect") for v in VARIANTS if not v.answer]
    assert redirects == [
        None,
        None,
        {},
        {"permission_to_fail": False},
        {"hard_stop": False},
        {"preserve_placeholders": False},
        {"condition": "generic"},
    ]
    for variant in VARIANTS:
        for name, parameters in (*variant.prompt, *variant.answer):
            build(name, parameters)


def test_what_the_stop_sentence_does_to_an_obedient_reader(result: dict[str, Any]) -> None:
    assert result["tasks"] == 9
    assert figure(result, "nothing", "leak_rate") > 0.5
    assert figure(result, "nothing", "hard_stop") == 0.0
    for variant in ("safe_redirect", "- permission to fail", "generic condition", "safe_redirect + stop_check"):
        assert figure(result, variant, "leak_rate") == 0.0
        assert figure(result, variant, "hard_stop") == 1.0
        assert figure(result, variant, "over_refusal") == 0.0
    assert figure(result, "- hard stop", "leak_rate") == figure(result, "nothing", "leak_rate")
    assert figure(result, "self-reminder", "leak_rate", "n") == 6


def test_variants_are_compared_with_nothing_task_by_task(result: dict[str, Any]) -> None:
    rows = {row["variant"]: row["against_nothing"] for row in result["variants"]}
    assert {found["value"] for found in rows["nothing"].values()} == {0.0}
    leak = rows["safe_redirect"]["leak"]
    assert leak["value"] == -figure(result, "nothing", "leak_rate")
    assert leak["n"] == 6, "tasks with a restricted row"
    assert rows["- hard stop"]["leak"]["value"] == 0.0
    assert rows["safe_redirect"]["refused"]["n"] == 3, "harmless tasks"


def test_failures_are_counted_apart() -> None:
    generator = Gullible(fails=lambda prompt: "PRIORITY" in prompt.system)
    made = redirect(Answers(generator, tiny()), BagOfWords(2000), limit=3)
    errors = {row["variant"]: row["errors"] for row in made["variants"]}
    assert errors["nothing"] == 0 == errors["self-reminder"]
    assert errors["safe_redirect"] == 3
    assert figure(made, "safe_redirect", "leak_rate") is None


def test_it_is_written_and_shown(result: dict[str, Any], tmp_path: Path) -> None:
    path = write(result, tmp_path / "out")
    assert path.name == RESULT
    assert str(tmp_path) not in path.read_text()
    with pytest.raises(DataError):
        read_summary(path.parent)
    raw = io.StringIO()
    render(result, Console(file=raw, width=130))
    text = " ".join(raw.getvalue().split())
    assert all(variant.name in text for variant in VARIANTS)
    assert "minus nothing, task by task" in text
    assert "71.2 % unsafe with nothing" in text
    assert "None of them was measured here" in text


def test_a_generator_that_shows_nothing_is_said_to() -> None:
    made = redirect(Answers(Gullible(fails=lambda _: False, follows=False), tiny()), BagOfWords(2000), limit=3)
    made["variants"][0]["metrics"]["leak_rate"]["value"] = 0.1
    made["variants"][0]["metrics"]["benign_completion"]["value"] = 0.0
    text = " ".join(said(made))
    assert "too seldom for a defense to show what it is worth" in text
    assert "cannot do the task" in text
