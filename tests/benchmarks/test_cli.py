"""The command line: one line and exit code 2 before any work, gates, and runs that are killed and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cli
from benchmarks.attacks import ATTACKS
from benchmarks.metrics import METRICS
from defenses import DEFENSES
from sentinel import SIGNALS
from strategist.policies import POLICIES
from tests.benchmarks.datasets import FEW, BagOfWords, timeless, write
from tests.benchmarks.gullible import Gullible

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
ROOT = Path(__file__).parents[2]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> BagOfWords:
    made = BagOfWords()
    monkeypatch.setattr("strategist.embeddings.load_embeddings", lambda _: made)
    return made


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, model: BagOfWords) -> Call:
    """What the console script does, in this process: exit code, standard output and standard error."""
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    monkeypatch.setattr("benchmarks.runner.code_hash", lambda: "fixed")
    monkeypatch.setattr(cli, "out", cli.Console(width=200))
    monkeypatch.setattr(cli, "err", cli.Console(stderr=True))
    monkeypatch.chdir(tmp_path)

    def made(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sentinel-bench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "data")


def run(data: Path, out: Path, *more: object, attacks: str = "benign,mba") -> list[object]:
    return ["run", "--data", data, "--out", out, "--policies", "rules", "--attacks", attacks, *more]


def spoil(data: Path, name: str, line: str) -> None:
    with (data / name).open("a") as file:
        file.write(line + "\n")


BAD: list[tuple[list[str], str]] = [
    (["--policies", "rulez"], "unknown policy 'rulez'; did you mean 'rules'?"),
    (["--attacks", "mba,poisonedrga"], "unknown attack 'poisonedrga'; did you mean 'poisonedrag'?"),
    (["--metrics", "acu"], "unknown metric 'acu'; did you mean 'auc'?"),
    (["--attacks", "interrogation"], "needs interrogated"),
    (["--policies", ","], "unknown policy ','"),
    (["--k", "0"], "k must be a whole number from 1 to 10,000, not 0"),
    (["--k", "five"], "--k"),
    (["--limit", "0"], "--limit"),
    (["--generator", "gpt"], "--generator 'gpt'"),
    (["--answer-defenses", "leak_gard"], "unknown answer defense 'leak_gard'; did you mean 'leak_guard'?"),
    (["--prompt-defenses", "spotlight"], "--prompt-defenses is about answers; give --generator"),
    (["--attacks", "isc"], "attack 'isc' scores what is answered; give --generator"),
    (["--calibration", "never"], "--calibration"),
    (["--fail-on", "auc > high"], "cannot read gate 'auc > high'"),
    (["--fail-on", "rules/mba/acu > 1"], "unknown metric in gate"),
    (["--data", "gone"], "gone: no such folder"),
    (["--nonsense"], "No such option"),
]


@pytest.mark.parametrize(("options", "what"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_wrong_option_is_one_line_and_no_work(
    call: Call, data: Path, tmp_path: Path, model: BagOfWords, options: list[str], what: str
) -> None:
    code, out, err = call(*run(data, tmp_path / "run"), *options)
    assert (code, out) == (2, "")
    assert err.startswith("error ")
    assert what in err
    assert err.count("\n") == 1
    assert model.embedded == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda data: (data / "corpus.jsonl").unlink(), "no corpus.jsonl"),
        (lambda data: (data / "corpus.jsonl").write_text(""), "the corpus is empty"),
        (lambda data: spoil(data, "corpus.jsonl", "{"), "corpus.jsonl, line 41: not JSON"),
        (lambda data: spoil(data, "poison.jsonl", '{"query_id": "x"}'), "poison.jsonl, line 5: no field 'question'"),
        (lambda data: (data / "membership.jsonl").unlink(), "attack 'mba' needs membership"),
    ],
)
def test_wrong_data_is_one_line_and_no_work(
    call: Call, data: Path, tmp_path: Path, model: BagOfWords, change: Callable[[Path], None], what: str
) -> None:
    change(data)
    code, out, err = call(*run(data, tmp_path / "run"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert what in err
    assert model.embedded == 0


def test_a_run_and_the_same_again_and_another_in_its_folder(
    call: Call, data: Path, tmp_path: Path, model: BagOfWords
) -> None:
    folder = tmp_path / "run"
    code, out, err = call(*run(data, folder))
    assert code == 0
    assert {p.name for p in folder.iterdir()} == {
        "config.json", "samples.jsonl", "split.json", "summary.json", "report.html"
    }  # fmt: skip
    assert "rules" in out
    assert "1.00" in out
    assert err == ""
    lines, embedded = (folder / "samples.jsonl").read_text(), model.embedded
    assert call(*run(data, folder))[0] == 0
    assert (folder / "samples.jsonl").read_text() == lines
    assert model.embedded == embedded
    code, _, err = call(*run(data, folder, "--seed", 3, "--k", 4))
    assert (code, err.count("\n")) == (2, 1)
    assert "belongs to another run (it differs in k, seed)" in err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    code, _, err = call(*run(data, tmp_path / "mine"))
    assert (code, err.count("\n")) == (2, 1)
    assert "holds files that are no run" in err
    assert model.embedded == embedded


def test_the_default_folder_is_named_after_data_and_configuration(call: Call, data: Path, tmp_path: Path) -> None:
    arguments = ["run", "--data", data, "--policies", "none", "--attacks", "mba", "--limit", 2]
    assert call(*arguments)[0] == call(*arguments)[0] == 0
    assert call(*arguments, "--seed", 1)[0] == 0
    names = [p.name for p in (tmp_path / "runs").iterdir()]
    assert len(names) == 2
    assert all(name.startswith("data-") for name in names)


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        (["rules/mba/member_exposure > 1"], 0),
        (["none/mba/auc < 0.5"], 0),
        (["none/mba/auc >= 0.5"], 1),
        (["rules/mba/member_exposure > 1", "none/*/auc >= 0.5"], 1),
        (["rules/poisonedrag/asr > 2"], 1),
    ],
)
def test_gates(call: Call, data: Path, tmp_path: Path, gates: list[str], code: int) -> None:
    options = [part for gate in gates for part in ("--fail-on", gate)]
    found, out, err = call(*run(data, tmp_path / "run", *options, "--limit", 3, attacks="mba"))
    assert found == code
    assert ("gate failed" in err) == (code == 1)
    assert (tmp_path / "run" / "report.html").exists()
    assert "mba" in out


def test_ctrl_c_says_how_to_go_on(call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.runner.run_sessions", interrupted)
    code, _, err = call(*run(data, tmp_path / "run"))
    assert code == 130
    assert "the same command goes on from here" in err


def test_report_runs_nothing(call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    call(*run(data, folder))
    first = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    monkeypatch.setattr("benchmarks.runner.execute", None)
    monkeypatch.setattr("strategist.embeddings.load_embeddings", None)
    code, out, _ = call("report", folder)
    assert code == 0
    assert "rules" in out
    assert (folder / "report.html").read_bytes() == first
    code, _, err = call("report", tmp_path / "gone")
    assert (code, err.count("\n")) == (2, 1)
    assert "is it the folder of a finished run?" in err


def test_validate(call: Call, data: Path) -> None:
    code, out, err = call("validate", data)
    assert (code, err) == (0, "")
    assert "no problems found" in out
    spoil(data, "qrels/test.tsv", "q0\tnobody\t1")
    code, _, err = call("validate", data)
    assert code == 2
    assert "nobody" in err
    code, _, err = call("validate", data / "gone")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "arguments", ["frobnicate", "report", "list atacks", "perf --docs some", "perf --subjects nobody"]
)
def test_other_commands_refuse_in_one_line_too(call: Call, model: BagOfWords, arguments: str) -> None:
    code, out, err = call(*arguments.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert model.embedded == 0


def test_help_and_nothing_at_all(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert "resumes an interrupted run" in out
    assert "Usage" in "".join(call()[1:])


def test_list_names_everything_and_loads_nothing_heavy() -> None:
    script = (
        "import sys; from benchmarks.cli import main; sys.argv = ['sentinel-bench', 'list']\n"
        "try: main()\n"
        "finally: print('HEAVY', [m for m in ('torch', 'transformers', 'sentence_transformers', 'sklearn', 'faiss', "
        "'trl', 'redis', 'sacrebleu') if m in sys.modules])"
    )
    environment = {**os.environ, "COLUMNS": "300"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    text = " ".join(done.stdout.split())
    for registry in (ATTACKS, METRICS, DEFENSES, SIGNALS, POLICIES):
        for name, manifest in registry.manifests().items():
            assert f" {name} " in text
            assert " ".join(manifest.summary.split()) in text


def test_a_run_with_a_generator_shows_both_stages(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strategist.generators.load_generator", lambda _: Gullible())
    options = ("--generator", "local", "--answer-defenses", "leak_guard", "--limit", 3)
    code, out, err = call(*run(data, tmp_path / "run", *options, attacks="benign,poisonedrag"))
    assert (code, err) == (0, "")
    assert "poison exposure" in out
    assert "end to end" in out
    assert "gullible answers, by its own settings, 48 tokens at most; leak_guard for every policy but none." in out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["generator"] == "gullible"
    assert "--generator local --answer-defenses leak_guard" in (tmp_path / "run" / "report.html").read_text()


def test_redirect(call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strategist.generators.load_generator", lambda _: Gullible())
    code, out, _ = call("redirect", "--generator", "local", "--data", data, "--limit", 3, "--out", tmp_path / "out")
    assert code == 0
    assert "safe_redirect + stop_check" in out
    assert (tmp_path / "out" / "redirect.json").is_file()


def test_list_of_one_kind(call: Call) -> None:
    _, out, _ = call("list", "metrics")
    assert "recall_ratio@5" in out
    assert "poisonedrag" not in out


def driver(tmp_path: Path, pause: float, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "SENTINEL_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.driver", str(pause), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on(data: Path, tmp_path: Path, call: Call, how: signal.Signals) -> None:
    folder = tmp_path / "killed"
    arguments = run(data, folder, "--policies", "always_on", attacks=",".join(FEW))
    process = driver(tmp_path, 0.05, *arguments)
    written = folder / "samples.jsonl"
    until = time.monotonic() + 90
    while not (written.exists() and written.read_bytes().count(b"\n") >= 8) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    if how is signal.SIGINT:
        assert said == "interrupted; the same command goes on from here\n"
    assert not (folder / "summary.json").exists()
    before = written.read_text().splitlines()
    assert len(before) >= 8
    assert call(*arguments)[0] == 0
    whole = tmp_path / "whole"
    assert call(*run(data, whole, "--policies", "always_on", attacks=",".join(FEW)))[0] == 0
    after = written.read_text().splitlines()
    assert after[: len(before)] == before
    keys = [tuple(json.loads(line)[key] for key in ("policy", "attack", "session")) for line in after]
    assert len(set(keys)) == len(keys) == len((whole / "samples.jsonl").read_text().splitlines()) > len(before)
    assert timeless(json.loads((folder / "summary.json").read_text())) == timeless(
        json.loads((whole / "summary.json").read_text())
    )


@pytest.mark.slow
def test_the_bundled_data_with_the_packaged_model(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.cli",
        "run",
        "--data",
        "bundled",
        "--limit",
        "10",
        "--policies",
        "rules",
    ]
    command += ["--attacks", "benign,mba", "--out", str(tmp_path / "run")]
    environment = {**os.environ, "SENTINEL_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "COLUMNS": "160"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["none"]]
    assert row.split()[1] == "1.00"
    assert "mba" in done.stdout
    assert "A trial" in done.stdout
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!")
    cells = json.loads((tmp_path / "run" / "summary.json").read_text())["cells"]
    (ratio,) = [
        c["value"] for c in cells
        if (c["policy"], c["attack"], c["metric"], c["group"]) == ("none", "benign", "recall_ratio@5", None)
    ]  # fmt: skip
    assert ratio == 1.0
