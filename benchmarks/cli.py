"""`sentinel-bench`: recall beside attack success, on the bundled data or the user's own.

Exit codes: 0 done and gates passed, 1 a gate failed, 2 the configuration or the data is wrong.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sentinel.errors import ConfigurationError, SentinelError, unknown_name

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure what RAG defenses cost benign users and what attackers still get.",
)
out, err = Console(), Console(stderr=True)

DEFAULT_POLICIES = "none,always_on,rules,adaptive"
_UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for options that it cannot read; it exports only this one kind of it."""


class Fitted(StrEnum):
    """What detection models are fitted on."""

    bundled = "bundled"
    same = "same"


class Generator(StrEnum):
    """Who reads what was retrieved."""

    none = "none"


def _names(text: str, kind: str, known: list[str]) -> list[str]:
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)
    if not names:
        raise unknown_name(kind, text, known)
    return names


@app.command()
def run(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout")] = "bundled",
    policies: Annotated[str, typer.Option(help="comma-separated; 'none' is always measured")] = DEFAULT_POLICIES,
    attacks: Annotated[str | None, typer.Option(help="comma-separated; default: the everyday ones")] = None,
    full: Annotated[bool, typer.Option("--full", help="every attack that the data can serve; takes long")] = False,
    metrics: Annotated[str | None, typer.Option(help="comma-separated; default: all")] = None,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    generator: Annotated[Generator, typer.Option(help="none: the ideal reader (context stage)")] = Generator.none,
    calibration: Annotated[
        str,
        typer.Option(
            help="auto: made for this corpus from the fit and calibrate parts of its benign sessions, the test part "
            "scored; shipped; or the path of a calibration.json"
        ),
    ] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="sessions per attack; for trials only")] = None,
    k: Annotated[int, typer.Option(help="documents served")] = 5,
    seed: Annotated[int, typer.Option(help="of sessions, splits and randomised defenses")] = 0,
    fail_on: Annotated[
        list[str] | None, typer.Option(help="gate, e.g. 'rules/mba/auc > 0.6'; exit code 1 if it holds; repeatable")
    ] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="run folder; default: runs/<data>-<hash>")] = None,
) -> None:
    """Run policies against benign traffic and attacks; the same command resumes an interrupted run."""
    from benchmarks import gates, runner
    from benchmarks.artefacts import AUTO, SHIPPED, artefacts, reads_calibration
    from benchmarks.attacks import ATTACKS
    from benchmarks.data import load
    from benchmarks.metrics import METRICS
    from benchmarks.oracle import NAME as ORACLE
    from benchmarks.report import write_report
    from benchmarks.runfolder import RunFolder
    from benchmarks.table import render
    from strategist.calibration import Calibration
    from strategist.embeddings import fingerprint, load_embeddings
    from strategist.policies import POLICIES

    chosen = _names(policies, "policy", [*POLICIES.names(), ORACLE])
    wanted = _names(attacks, "attack", ATTACKS.names()) if attacks else None
    measured = _names(metrics, "metric", METRICS.names()) if metrics else None
    conditions = [gates.parse(text) for text in fail_on or ()]
    runner.check_k(k)
    if calibration not in (AUTO, SHIPPED) and not Path(calibration).is_file():
        raise ConfigurationError(f"--calibration {calibration!r}: give auto, shipped or the path of a calibration.json")
    dataset = load(data)
    settings = runner.Settings(
        policies=chosen,
        attacks=wanted or runner.servable(dataset, full=full),
        k=k,
        seed=seed,
        limit=limit,
        split=calibration == AUTO,
        metrics=measured,
    )
    runner.prepare(dataset, settings)
    model = load_embeddings(embeddings)
    source = Calibration.load(Path(calibration)).hash if calibration not in (AUTO, SHIPPED) else calibration
    config = runner.config(dataset, settings, fingerprint(model), generator.value, source)
    asked = {"data": data, "embeddings": embeddings}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
    folder = RunFolder(out_folder or Path("runs") / f"{dataset.name}-{digest}", {**config, "command": asked})
    try:
        with _Progress() as progress:
            if reads_calibration(chosen):
                found = artefacts(dataset, model, seed, calibration, folder.path, progress)
                settings = replace(settings, artefacts=found)
            summary = runner.execute(dataset, settings, model, folder, progress)
    except KeyboardInterrupt:
        err.print("interrupted; the same command goes on from here")
        raise typer.Exit(130) from None
    write_report(folder.path)
    render(summary, out)
    _say_more(summary)
    out.print(f"[dim]written to[/] {escape(str(folder.path))} [dim](summary.json, report.html, samples.jsonl)[/]")
    failed = gates.failures(conditions, summary)
    for line in failed:
        err.print(f"[bold red]gate failed[/] {escape(line)}", highlight=False)
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_components(
    kind: Annotated[str | None, typer.Argument(help="signals, defenses, policies, attacks or metrics")] = None,
) -> None:
    """List what can be named: signals, defenses, policies, attacks, metrics."""
    from benchmarks.attacks import ATTACKS
    from benchmarks.metrics import METRICS
    from defenses import DEFENSES
    from sentinel import SIGNALS
    from strategist.policies import POLICIES

    kinds: dict[str, Any] = {
        "signals": SIGNALS,
        "defenses": DEFENSES,
        "policies": POLICIES,
        "attacks": ATTACKS,
        "metrics": METRICS,
    }
    if kind is not None and kind not in kinds:
        raise unknown_name("kind", kind, kinds)
    for name in [kind] if kind else kinds:
        table = Table(title=name, title_justify="left", box=None, show_header=False, padding=(0, 2))
        for component, manifest in kinds[name].manifests().items():
            note = " [dim](baseline)[/]" if getattr(manifest, "baseline", False) else ""
            source = f"[dim]{escape(manifest.source)}[/]"
            table.add_row(f"[bold]{component}[/]", escape(manifest.summary) + note, source)
        out.print(table)
        out.print()


@app.command()
def validate(
    data: Annotated[str, typer.Argument(help="'bundled', or a folder in BEIR layout")],
) -> None:
    """Check a data set: unknown fields, dangling and duplicate ids, empty texts, members that are none."""
    from benchmarks.validate import check

    problems, counts = check(data)
    for problem in problems:
        err.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)
    out.print(", ".join(f"{number:,} {name}" for name, number in counts.items()))
    if problems:
        err.print(f"[bold red]{len(problems):,} problem{'s' if len(problems) > 1 else ''}[/]", highlight=False)
        raise typer.Exit(2)
    out.print("[green]no problems found[/]")


@app.command()
def defenses(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout")] = "bundled",
    out_file: Annotated[Path | None, typer.Option("--out", help="Markdown file; default: print")] = None,
    limit: Annotated[int, typer.Option(min=1, help="sessions of each traffic; interrogation at most 40")] = 200,
    seed: Annotated[int, typer.Option(help="of sessions, planting and randomised defenses")] = 0,
    title: Annotated[str | None, typer.Option(help="what to call the data set on the page")] = None,
) -> None:
    """Measure each defense alone, switched on for every request, and write one table."""
    from benchmarks.defenses_table import defenses_command

    with _Progress() as progress:
        page = defenses_command(data, out_file, limit, seed, title, report=progress)
    if out_file is None:
        print(page)
    else:
        out.print(f"[dim]written to[/] {escape(str(out_file))}")


@app.command()
def fit(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout")] = "bundled",
    out_file: Annotated[Path, typer.Option("--out", help="models file")] = Path("models.json"),
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of generated attacks and the split")] = 0,
) -> None:
    """Fit P(threat) on a corpus: attacks made of its text, and the fit part of its benign sessions."""
    from benchmarks.data import load
    from benchmarks.fit import fit_command
    from strategist.embeddings import load_embeddings

    dataset = load(data)
    with _Progress() as progress:
        models = fit_command(dataset, load_embeddings(embeddings), seed, "fit", progress)
    out_file.write_text(models.dumps() + "\n", encoding="utf-8")
    out.print(f"[dim]written to[/] {escape(str(out_file))}; use it as DefendedRetriever.wrap(..., models=Path(...))")


@app.command()
def calibrate(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout; a log of questions will do")],
    out_folder: Annotated[Path, typer.Option("--out", help="folder for calibration.json and models.json")] = Path(
        "calibration"
    ),
    models: Annotated[Path | None, typer.Option(help="models file; default: fitted on the same corpus")] = None,
    alpha: Annotated[float, typer.Option(help="what benign sessions may lose on average")] = 0.01,
    keep_test: Annotated[
        bool, typer.Option("--keep-test", help="leave the test part unread, as `run` does, and promise what is left")
    ] = False,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of generated attacks and the split")] = 0,
) -> None:
    """Measure each defense on a corpus and set how far `adaptive` may go, with a promise to benign users."""
    from benchmarks.artefacts import CALIBRATION, promised
    from benchmarks.calibrate import ALPHAS, enough
    from benchmarks.calibrate import calibrate as measure
    from benchmarks.data import load
    from benchmarks.fit import fit_command
    from sentinel.models import ThreatModels
    from strategist.calibration import MODELS
    from strategist.embeddings import load_embeddings

    dataset, embedder = load(data), load_embeddings(embeddings)
    alphas = {**ALPHAS, "benign": alpha}
    if not keep_test:
        enough(dataset, seed, alphas)
    with _Progress() as progress:
        fitted = ThreatModels.load(models) if models else fit_command(dataset, embedder, seed, "fit", progress)
        calibration = measure(dataset, embedder, fitted, seed, alphas=alphas, strict=not keep_test, report=progress)
    out_folder.mkdir(parents=True, exist_ok=True)
    (out_folder / MODELS).write_text(fitted.dumps() + "\n", encoding="utf-8")
    (out_folder / CALIBRATION).write_text(calibration.dumps() + "\n", encoding="utf-8")
    out.print(promised(calibration.price, calibration.promises), highlight=False)
    out.print(
        f"[dim]written to[/] {escape(str(out_folder))} [dim](models.json, calibration.json)[/]; use it as "
        "DefendedRetriever.wrap(..., models=Path(...), calibration=Path(...))"
    )


@app.command()
def detect(
    data: Annotated[
        list[str] | None, typer.Option(help="'bundled', or a folder in BEIR layout; repeatable; default: bundled")
    ] = None,
    fit_on: Annotated[
        list[Fitted] | None,
        typer.Option("--fit", help="bundled; same: attacks made of this corpus; repeatable; default: bundled"),
    ] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Markdown file; default: print")] = None,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of traffic and split")] = 0,
    ablation: Annotated[bool, typer.Option(help="measure what each signal adds; takes minutes")] = True,
) -> None:
    """How well attacks are found that the models were not fitted on."""
    from benchmarks.data import load
    from benchmarks.detection_page import page as measure
    from strategist.embeddings import load_embeddings

    datasets = [load(one) for one in data or ["bundled"]]
    fits = [one.value for one in fit_on or [Fitted.bundled]]
    with _Progress() as progress:
        page = measure(datasets, load_embeddings(embeddings), fits, seed, progress, ablation=ablation)
    if out_file is None:
        print(page)
    else:
        out_file.write_text(page, encoding="utf-8")
        out.print(f"[dim]written to[/] {escape(str(out_file))}")


@app.command()
def scan(
    data: Annotated[str, typer.Argument(help="'bundled', or a folder with a corpus.jsonl")],
    out_folder: Annotated[Path, typer.Option("--out", help="folder of the profile")] = Path("profile"),
    top: Annotated[int, typer.Option(min=0, help="suspicious documents to list")] = 20,
) -> None:
    """Read a corpus once: write its profile and list the documents that look planted."""
    from benchmarks.scan import scan_command

    with _Progress() as progress:
        profile, suspects = scan_command(data, out_folder, top, progress)
    for suspect in suspects:
        out.print(f"{suspect.score:.2f}  {escape(suspect.id)}  {escape('; '.join(suspect.reasons))}", highlight=False)
    out.print(f"{profile.documents:,} documents [dim]written to[/] {escape(str(out_folder))}")


@app.command()
def explain(
    decision: Annotated[str, typer.Argument(help="id of a decision or its beginning; or a file with one record")],
    log: Annotated[Path | None, typer.Option(help="the file that a JsonlSink writes; rotated files are read")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the record itself")] = False,
) -> None:
    """Tell one decision in words: who, what stood out, what was done about it, what was served."""
    from benchmarks.explain import explain_command

    print(explain_command(decision, log, as_json))


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="the folder of a finished run")]) -> None:
    """Render the table and report.html of a finished run anew, without running anything."""
    from benchmarks.report import write_report
    from benchmarks.runfolder import read_summary
    from benchmarks.table import render

    summary = read_summary(folder)
    render(summary, out)
    _say_more(summary)
    out.print(f"[dim]written to[/] {escape(str(write_report(folder)))}")


@app.command()
def perf(
    out_folder: Annotated[Path | None, typer.Option("--out", help="folder for perf.json; default: print only")] = None,
    subjects: Annotated[str | None, typer.Option(help="comma-separated; default: all")] = None,
    docs: Annotated[str, typer.Option(help="corpus sizes, comma-separated")] = "1000,100000",
    full: Annotated[bool, typer.Option("--full", help="one million documents too")] = False,
    requests: Annotated[int, typer.Option(min=20, help="timed requests a figure")] = 200,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of corpus and requests")] = 0,
) -> None:
    """Time retrieval bare and defended, as ratios within one run."""
    from benchmarks import perf as timing
    from strategist.embeddings import load_embeddings

    chosen = _names(subjects, "subject", timing.SUBJECTS) if subjects else timing.SUBJECTS
    sizes = timing.sizes(docs, full)
    model = load_embeddings(embeddings)
    with _Progress() as progress:
        result = timing.measure(model, chosen, sizes, requests, seed, progress)
    timing.render(result, out)
    if out_folder is not None:
        out_folder.mkdir(parents=True, exist_ok=True)
        path = out_folder / "perf.json"
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        out.print(f"[dim]written to[/] {escape(str(path))}")


def _say_more(summary: dict[str, Any]) -> None:
    """Below the table: where each policy stands, and what `adaptive` knew."""
    from benchmarks.artefacts import told as origin
    from benchmarks.frontier import told

    for label, sentence in [*told(summary), *origin(summary)]:
        out.print(f"[bold]{escape(label)}[/] [dim]{escape(sentence)}[/]", highlight=False, soft_wrap=True)


class _Progress:
    """A bar for each kind of work, with the time that is left; silent where nobody watches."""

    def __enter__(self) -> _Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._bars.start()
        self._task = self._bars.add_task("starting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        self._bars.update(self._task, description=what, completed=done, total=total)


def main() -> None:
    """Entry point: one line and exit code 2 for whatever the user can mend."""
    try:
        code = app(standalone_mode=False) if len(sys.argv) > 1 else app()
    except SentinelError as error:
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except _UsageError as error:
        _fail(error.format_message())
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> NoReturn:
    err.print(f"[bold red]error[/] {escape(' '.join(message.split()))}", highlight=False, soft_wrap=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
