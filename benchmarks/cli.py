"""`sentinel-bench`: recall beside attack success, on the bundled data or the user's own.

Exit codes: 0 done and gates passed, 1 a gate failed, 2 the configuration or the data is wrong.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.progress import Progress
from sentinel._command import run as run_command
from sentinel.errors import unknown_name

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure what RAG defenses cost benign users and what attackers still get.",
)
out, err = Console(), Console(stderr=True)

GIVEN = "comma-separated, each with its parameters ('safe_redirect hard_stop=false'); for every policy but none"
DTYPE = "what --generator calculates in: float32, bfloat16, float16, or int8, which suits processors"
DEFAULT_POLICIES = "none,always_on,rules,adaptive"

Fitted = StrEnum("Fitted", ["bundled", "same"])
"""What detection models are fitted on."""


class Measured(StrEnum):
    """Parts of the page of defenses."""

    documents = "documents"
    answer = "answer"


@app.command()
def run(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout")] = "bundled",
    policies: Annotated[str, typer.Option(help="comma-separated; 'none' is always measured")] = DEFAULT_POLICIES,
    attacks: Annotated[str | None, typer.Option(help="comma-separated; default: the everyday ones")] = None,
    full: Annotated[bool, typer.Option("--full", help="every attack that the data can serve; takes long")] = False,
    metrics: Annotated[str | None, typer.Option(help="comma-separated; default: all")] = None,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    generator: Annotated[
        str,
        typer.Option(
            help="who answers: none (an ideal reader, context stage), local, a folder, a .gguf file, a hub id, or "
            "provider:model"
        ),
    ] = "none",
    dtype: Annotated[str | None, typer.Option(help=DTYPE)] = None,
    prompt_defenses: Annotated[str | None, typer.Option(help=GIVEN)] = None,
    generation: Annotated[str | None, typer.Option(help="one generation defense, likewise")] = None,
    answer_defenses: Annotated[str | None, typer.Option(help="comma-separated, likewise")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="longest answer; attacks that need longer ones get them")] = 48,
    controller: Annotated[str | None, typer.Option(help="who plans for policy llm; named as --generator is")] = None,
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
        list[str] | None,
        typer.Option(help="gate, e.g. 'rules/mba/auc > 0.6' or '.../auc/answer > 0.6'; exit code 1 if it holds"),
    ] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="run folder; default: runs/<data>-<hash>")] = None,
) -> None:
    """Run policies against benign traffic and attacks; the same command resumes an interrupted run."""
    from benchmarks import gates, runner
    from benchmarks.artefacts import KEPT, artefacts, reads_calibration
    from benchmarks.report import write_report
    from benchmarks.run_plan import Options, plan
    from benchmarks.runfolder import NOTES, RunFolder
    from benchmarks.table import render

    conditions = [gates.parse(text) for text in fail_on or ()]
    from sentinel._files import cache_folder

    asked = (data, policies, attacks, full, metrics, embeddings, generator, dtype, prompt_defenses, generation)
    options = Options(*asked, answer_defenses, max_tokens, controller, calibration, limit, k, seed)
    progress = Progress(err)
    planned = plan(options, progress)
    figures = {key: value for key, value in planned.config.items() if key not in NOTES}
    digest = hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()[:8]
    folder = RunFolder(out_folder or Path("runs") / f"{planned.data.name}-{digest}", planned.config)
    settings = planned.settings
    try:
        with progress:
            if reads_calibration(settings.policies):
                kept = cache_folder() / KEPT
                found = artefacts(planned.data, planned.model, seed, calibration, folder.path, progress, kept)
                settings = replace(settings, artefacts=found)
            summary = runner.execute(planned.data, settings, planned.model, folder, progress)
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
    from benchmarks.validate import check, lacking

    problems, counts = check(data)
    for problem in problems:
        err.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)
    out.print(", ".join(f"{number:,} {name}" for name, number in counts.items()))
    for sentence in lacking(data, counts):
        out.print(f"[dim]{sentence}[/]", soft_wrap=True)
    if problems:
        err.print(f"[bold red]{len(problems):,} problem{'s' if len(problems) > 1 else ''}[/]", highlight=False)
        raise typer.Exit(2)
    out.print("[green]no problems found[/]")


@app.command()
def defenses(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout")] = "bundled",
    out_file: Annotated[Path | None, typer.Option("--out", help="Markdown file; default: print")] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="sessions of each traffic, interrogation at most 40; questions for answers")
    ] = 200,
    stage: Annotated[
        Measured | None,
        typer.Option(
            help="only this part of the page: documents (defenses of queries and documents), or answer (defenses of "
            "answers, checked without a model); default: both"
        ),
    ] = None,
    times: Annotated[
        Path | None, typer.Option(help="perf-answers.json of `perf --generator`: what answers cost, for the page")
    ] = None,
    seed: Annotated[int, typer.Option(help="of sessions, planting, randomised defenses and made answers")] = 0,
    title: Annotated[str | None, typer.Option(help="what to call the data set on the page")] = None,
) -> None:
    """Measure each defense alone, switched on for every request, and write one page."""
    from benchmarks.answer_checks import Checks
    from benchmarks.answer_checks_page import render
    from benchmarks.defenses_table import Part, defenses_command

    measured: list[Checks] = []
    part: Part | None = stage.value if stage else None
    with Progress(err) as progress:
        page = defenses_command(
            data, out_file, limit, seed, title, report=progress, part=part, show=measured.append, times=times
        )
    if out_file is None:
        print(page)
        return
    for checks in measured:
        render(checks, out)
    out.print(f"[dim]written to[/] {escape(str(out_file))}")


@app.command()
def redirect(
    generator: Annotated[str, typer.Option(help="local, a folder, a .gguf file, a hub id, or provider:model")],
    dtype: Annotated[str | None, typer.Option(help=DTYPE)] = None,
    data: Annotated[str, typer.Option(help="the corpus that the tasks stand in")] = "bundled",
    limit: Annotated[int | None, typer.Option(min=1, help="tasks; default: all 60, a third of them harmless")] = None,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of tasks and planting")] = 0,
    out_folder: Annotated[Path | None, typer.Option("--out", help="folder for redirect.json; default: print")] = None,
) -> None:
    """Take SafeRedirect apart on a generator: each component left out, the self-reminder, and nothing."""
    from benchmarks import redirect as ablation
    from benchmarks.answering import Answers, load
    from benchmarks.data import load as load_data
    from strategist.embeddings import load_embeddings

    progress = Progress(err)
    answers = Answers(load(generator, dtype), load_data(data), report=progress)
    with progress:
        result = ablation.redirect(answers, load_embeddings(embeddings), seed, limit=limit, report=progress)
    ablation.render(result, out)
    if out_folder is not None:
        out.print(f"[dim]written to[/] {escape(str(ablation.write(result, out_folder)))}")


@app.command()
def attention(
    generator: Annotated[str, typer.Option(help="local, a folder, a .gguf file or a hub id")],
    dtype: Annotated[str | None, typer.Option(help=DTYPE)] = None,
    data: Annotated[str, typer.Option(help="clean questions and their corpus")] = "bundled",
    quantile: Annotated[float, typer.Option(help="share of clean prompts that is to pass")] = 0.95,
    k: Annotated[int, typer.Option(min=2, max=50, help="documents served")] = 5,
    limit: Annotated[int, typer.Option(min=1, help="at most this many questions, of the fit part")] = 40,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of the split, and of the questions")] = 0,
) -> None:
    """Calibrate attention_filter's threshold for a model and a corpus."""
    from benchmarks.answering import load
    from benchmarks.attention import threshold
    from benchmarks.data import load as load_data
    from strategist.embeddings import load_embeddings

    dataset = load_data(data)
    with Progress(err) as progress:
        found = threshold(
            load(generator, dtype),
            dataset,
            load_embeddings(embeddings),
            quantile=quantile,
            k=k,
            limit=limit,
            seed=seed,
            report=progress,
        )
    for sentence in found.told():
        out.print(escape(sentence), highlight=False, soft_wrap=True)


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

    dataset = load(data, unlabelled=True)
    with Progress(err) as progress:
        models = fit_command(dataset, load_embeddings(embeddings), seed, "fit", progress)
    out_file.write_text(models.dumps() + "\n", encoding="utf-8")
    out.print(f"[dim]written to[/] {escape(str(out_file))}; use it as DefendedRetriever.wrap(..., models=Path(...))")


@app.command()
def calibrate(
    data: Annotated[str, typer.Option(help="'bundled', or a folder in BEIR layout; qrels may lack")],
    out_folder: Annotated[Path, typer.Option("--out", help="folder for calibration.json and models.json")] = Path(
        "calibration"
    ),
    models: Annotated[Path | None, typer.Option(help="models file; default: fitted on the same corpus")] = None,
    alpha: Annotated[float, typer.Option(help="what benign sessions may lose on average")] = 0.01,
    keep_test: Annotated[
        bool, typer.Option("--keep-test", help="leave the test part unread, as `run` does, and promise what is left")
    ] = False,
    portable: Annotated[bool, typer.Option(help="for other corpora: without what rests on this one's models")] = False,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of generated attacks and the split")] = 0,
) -> None:
    """Measure each defense on a corpus and set how far `adaptive` may go, with a promise to benign users."""
    from benchmarks.artefacts import CALIBRATION, promised
    from benchmarks.calibrate import ALPHAS, enough
    from benchmarks.calibrate import calibrate as measure
    from benchmarks.data import load
    from benchmarks.fit import fit_command
    from sentinel.threat_models import ThreatModels
    from strategist.calibration import MODELS
    from strategist.embeddings import load_embeddings

    dataset, embedder = load(data, unlabelled=True), load_embeddings(embeddings)
    alphas = {**ALPHAS, "benign": alpha}
    if not keep_test:
        enough(dataset, seed, alphas)
    with Progress(err) as progress:
        fitted = ThreatModels.load(models) if models else fit_command(dataset, embedder, seed, "fit", progress)
        calibration = measure(
            dataset, embedder, fitted, seed, alphas=alphas, strict=not keep_test, portable=portable, report=progress
        )
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
    with Progress(err) as progress:
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

    with Progress(err) as progress:
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
    out_folder: Annotated[Path | None, typer.Option("--out", help="folder for the JSON; default: print only")] = None,
    subjects: Annotated[str | None, typer.Option(help="comma-separated; default: all")] = None,
    docs: Annotated[str, typer.Option(help="corpus sizes, comma-separated")] = "1000,100000",
    full: Annotated[bool, typer.Option("--full", help="one million documents too")] = False,
    requests: Annotated[int, typer.Option(min=20, help="timed requests a figure")] = 200,
    generator: Annotated[str | None, typer.Option(help="time the answer's half instead, with this generator")] = None,
    dtype: Annotated[str | None, typer.Option(help=DTYPE)] = None,
    answers: Annotated[int, typer.Option(min=2, help="with --generator: timed answers a figure")] = 20,
    embeddings: Annotated[str | None, typer.Option(help="'local', a folder or a hub id; default: local")] = None,
    seed: Annotated[int, typer.Option(help="of corpus and requests")] = 0,
) -> None:
    """Time retrieval bare and defended, or answers plain and defended, as ratios within one run."""
    from benchmarks.perf_command import perf_command

    with Progress(err) as progress:
        timed = perf_command(subjects, docs, full, requests, generator, dtype, answers, embeddings, seed, progress)
    timed.render(timed.result, out)
    if out_folder is not None:
        out_folder.mkdir(parents=True, exist_ok=True)
        path = out_folder / timed.file
        path.write_text(json.dumps(timed.result, indent=2) + "\n", encoding="utf-8")
        out.print(f"[dim]written to[/] {escape(str(path))}")


def _say_more(summary: dict[str, Any]) -> None:
    """Below the table: where each policy stands, and what `adaptive` knew."""
    from benchmarks.artefacts import told as origin
    from benchmarks.frontier import told

    for label, sentence in [*told(summary), *origin(summary)]:
        out.print(f"[bold]{escape(label)}[/] [dim]{escape(sentence)}[/]", highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: one line and exit code 2 for whatever the user can mend."""
    run_command(app, err)


if __name__ == "__main__":
    main()
