"""The table of defenses: complete, made of what was measured, and comparable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import cli
from benchmarks.alone import Figures, manifests
from benchmarks.answer_checks import Checks
from benchmarks.answer_checks_made import FORMS
from benchmarks.answer_checks_page import TITLE
from benchmarks.data import load
from benchmarks.defenses_table import COMBINED, VARIANTS, defenses_command, render, subjects
from benchmarks.statistics import Estimate
from defenses import DEFENSES, QueryDefense, SelectionDefense
from sentinel.errors import ConfigurationError, DataError
from tests.benchmarks.datasets import BagOfWords, files, gold, write
from tests.benchmarks.tiny import tiny

FEW = [("trustrag",), ("echo_filter",), ("cluster_filter",), ("hide_top_match",), ("hide_probed",)]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)


pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")


def row(page: str, label: str, *, missing: bool = False) -> list[str]:
    found = [line for line in page.splitlines() if line.startswith("|") and f"| {label}" in line]
    if missing and not found:
        return []
    (line,) = found
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_defense_of_queries_and_documents_is_measured() -> None:
    alone = {subject[0] for subject in subjects() if len(subject) == 1}
    wanted = {name for name in DEFENSES.names() if issubclass(DEFENSES.get(name), QueryDefense | SelectionDefense)}
    assert wanted <= alone
    assert {v[0] for v in VARIANTS} == alone - wanted
    stages = [manifests(subject)[0].stage for subject in subjects() if len(subject) == 1]
    assert stages == sorted(stages, key=["query", "retrieval", "context"].index)
    assert set(COMBINED.values()) <= set(subjects())


def test_a_page(tmp_path: Path) -> None:
    folder = write(tmp_path / "data set", files(20, 10, 3, 3), gold(10, 20))
    out = tmp_path / "defenses.md"
    page = defenses_command(str(folder), out, 3, 7, "two words", BagOfWords(), only=FEW, part="documents")
    assert out.read_text(encoding="utf-8") == page
    assert str(tmp_path) not in page
    assert "--data 'data set' --seed 7 --limit 3 --stage documents --title 'two words'\n" in page
    assert "Data set: two words (20 passages, 10 questions). Sessions: benign " in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert len(table) == 2 + 1 + len(FEW) + sum(m.stage == "prompt" for m in DEFENSES.manifests().values())
    echo = row(page, "`echo_filter`")
    assert echo[0] == "context"
    assert "poisonedrag: exposure 0.000 [0.00, 0.56], recall " in echo[5]
    assert echo[5].count("n 3") == len(echo[5].split("<br>"))
    assert row(page, "no defense")[2].startswith("1.000")
    assert row(page, "`trustrag`")[-1] == "1"
    assert "baseline: TrustRAG" in row(page, "`trustrag`")[1]
    assert row(page, "`spotlight`")[5] == "needs a generator; its cost stands with the answers"
    assert all(float(cell) >= 0 for cell in echo[-3:])


def test_the_same_command_gives_the_same_figures(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", files(20, 10, 3, 3), gold(10, 20))
    one = [("ado_noise",)]
    pages = [
        defenses_command(str(folder), None, 3, 0, None, BagOfWords(), only=one, part="documents") for _ in range(2)
    ]
    first, second = ([row(page, "`ado_noise`")[:-3], row(page, "no defense")[:-3]] for page in pages)
    assert first == second
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", pages[0])


def test_both_parts_make_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.answer_checks.STREAMED", 1)
    monkeypatch.setattr("benchmarks.answer_checks.FORMS", FORMS[:1])
    folder = write(tmp_path / "data", files(20, 10, 3, 3), gold(10, 20))
    shown: list[Checks] = []
    both = defenses_command(str(folder), None, 2, 0, None, BagOfWords(), only=[("ado_noise",)], show=shown.append)
    assert both.index("# Defenses, each alone") == 0
    assert both.index("## What the table cannot say") < both.index(f"## {TITLE}")
    assert both.count("sentinel-bench defenses --data data --seed 0 --limit 2\n") == 1
    assert [checks.questions for checks in shown] == [2]
    alone = defenses_command(str(folder), None, 2, 0, None, BagOfWords(), part="answer", show=shown.append)
    assert alone.startswith(f"## {TITLE}")
    assert "    sentinel-bench defenses --data data --seed 0 --limit 2 --stage answer\n" in alone
    assert row(alone, "`ado_noise`", missing=True) == []
    assert row(alone, "`dp_answer`")[-1] == row(both, "`dp_answer`")[-1] == "6"
    assert [shown[0].rest, shown[0].rows] == [shown[1].rest, shown[1].rows]


def figures(**values: tuple[float, float, float]) -> Figures:
    """Benign recall, exposure and recall under `poisonedrag`, by defense."""
    undefended = {"exposure_rate": Estimate(1.0, 9), "recall_vs_clean@5": Estimate(0.7, 9)}
    made: Figures = {(): {"benign": {"recall_ratio@5": Estimate(1.0, 9)}, "poisonedrag": undefended}}
    for name, (benign, exposure, recall) in values.items():
        made[(name,)] = {
            "benign": {
                "recall_ratio@5": Estimate(benign, 9, benign, 1.0),
                "overhead_ms_p50": Estimate(2.0, 9),
                "overhead_ms_p95": Estimate(25.0, 9),
            },
            "poisonedrag": {"exposure_rate": Estimate(exposure, 9), "recall_vs_clean@5": Estimate(recall, 9)},
        }
    return made


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ((0.99, 0.1, 0.9), "trustrag: everything"),
        ((0.98, 0.2, 0.8), "none"),  # the same is no better
        ((0.98, 0.1, 0.8), "trustrag: everything"),
        ((0.97, 0.0, 1.0), "none"),  # it costs benign users more
        ((1.0, 0.3, 1.0), "none"),
        ((1.0, 0.0, 0.7), "none"),
    ],
)
def test_better_is_better_on_no_axis_worse(ours: tuple[float, float, float], said: str) -> None:
    page = render(figures(trustrag=(0.98, 0.2, 0.8), cluster_filter=ours), tiny(), "command")
    assert row(page, "`cluster_filter`")[6] == said
    assert row(page, "`trustrag`")[6] == ""
    assert row(page, "`cluster_filter`")[-3:] == ["2", "25", "1"]


def test_what_has_no_effect_beats_nothing() -> None:
    page = render(figures(trustrag=(0.98, 1.0, 0.5), cluster_filter=(1.0, 1.0, 0.7)), tiny(), "command")
    assert row(page, "`cluster_filter`")[6] == "none"


def test_what_cannot_be_said_is_a_dash() -> None:
    made = figures(cluster_filter=(1.0, 0.0, 1.0))
    made[("cluster_filter",)]["poisonedrag"]["exposure_rate"] = Estimate(None, 0)
    assert "exposure -, recall" in row(render(made, tiny(), "command"), "`cluster_filter`")[5]


def test_mistakes_are_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder to write into"):
        defenses_command("bundled", tmp_path / "nowhere" / "defenses.md")
    with pytest.raises(DataError, match="no such folder"):
        defenses_command(str(tmp_path / "nothing"))
    with pytest.raises(DataError, match="no figures of perf --generator"):
        defenses_command("bundled", times=tmp_path / "perf.json")
    with pytest.raises(ConfigurationError, match="leave --stage documents out"):
        defenses_command("bundled", part="documents", times=tmp_path / "perf.json")


def test_the_bundled_data_set_has_what_the_table_needs() -> None:
    data = load("bundled")
    assert data.poison
    assert data.interrogated


def test_the_command_line_measures_one_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def measured(*arguments: object) -> Checks:
        asked.extend(arguments[2:4])
        spent, found = {"stop_check": [1.0]}, {"stop_check": {"right answer": Estimate(0.0, 3, 0.0, 0.5)}}
        return Checks(questions=3, milliseconds=spent, benign=found)

    monkeypatch.setattr("benchmarks.defenses_table.check_answers", measured)
    monkeypatch.setattr("benchmarks.defenses_table.load_embeddings", lambda _: BagOfWords())
    monkeypatch.setattr(cli, "out", Console(width=120))
    out = tmp_path / "page.md"
    arguments = ["sentinel-bench", "defenses", "--stage", "answer", "--limit", "3", "--seed", "9", "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code in (0, None)
    assert asked == [3, 9]
    shown = capsys.readouterr().out
    assert "Benign answers changed" in shown
    assert "[0.0, 50.0]" in shown
    assert "--limit 3 --stage answer" in out.read_text(encoding="utf-8")
    monkeypatch.setattr("sys.argv", [*arguments[:3], "context"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
