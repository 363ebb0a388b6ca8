"""`sentinel-train`: fine-tune a generator, measure it, and export it.

Exit codes: 0 done, 2 the configuration or the data is wrong, or the training could not go on.
"""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sentinel._command import run as run_command
from sentinel.errors import ConfigurationError, unknown_name

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Make a generator itself harder to turn: supervised, ShaPO and IRIS fine-tuning.",
)
# Of several processes one speaks.
out, err = Console(quiet=os.environ.get("RANK", "0") != "0"), Console(stderr=True)

_ANY = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Parameters of a trainer are flags too, and checked against its dataclass, not listed here."""

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML: names of flags, with underscores")]
Model = Annotated[str | None, typer.Option(help="'local', a folder, a .gguf file or a hub id")]
Data = Annotated[str | None, typer.Option(help="JSON lines in TRL's formats")]
Out = Annotated[str | None, typer.Option(help="the run's folder")]
Held = Annotated[str | None, typer.Option(help="held-out JSON lines, measured at the end")]
Resume = Annotated[bool | None, typer.Option("--resume", help="go on with the run in --out")]
Rank = Annotated[int | None, typer.Option(help="rank of a LoRA adapter; 0 trains all weights")]


@app.command(context_settings=_ANY)
def sft(
    context: typer.Context,
    config: Config = None,
    model: Model = None,
    data: Data = None,
    out: Out = None,
    eval_data: Held = None,
    resume: Resume = None,
    lora_r: Rank = None,
) -> None:
    """Supervised fine-tuning. Data: prompt+completion, messages, or text. Other flags: every field of SFTConfig."""
    _train("sft", context, config)


@app.command(context_settings=_ANY)
def shapo(
    context: typer.Context,
    config: Config = None,
    model: Model = None,
    data: Data = None,
    out: Out = None,
    eval_data: Held = None,
    probe_data: Annotated[str | None, typer.Option(help="pairs that choose the subspace; default: --data")] = None,
    resume: Resume = None,
    lora_r: Rank = None,
) -> None:
    """ShaPO, and DPO with --rho 0. Data: prompt+chosen+rejected. Other flags: every field of ShaPOConfig."""
    _train("shapo", context, config)


@app.command(context_settings=_ANY)
def iris(
    context: typer.Context,
    config: Config = None,
    model: Model = None,
    data: Data = None,
    out: Out = None,
    resume: Resume = None,
    lora_r: Rank = None,
) -> None:
    """IRIS self-play, and its baselines by --objective. Data: prompt+completion or messages. One process."""
    _train("iris", context, config)


def _train(method: str, context: typer.Context, config: Path | None) -> None:
    """Train as the command line says: its context holds the value of every option by name."""
    _needs_extra()
    from defenses.training import _options, _runs

    named = {name: value for name, value in context.params.items() if name != "config"}
    try:
        folder = _runs.train(method, _options.gather(config, named, context.args), out)
    except KeyboardInterrupt:
        err.print("interrupted; the same command with --resume goes on from the last checkpoint")
        raise typer.Exit(130) from None
    out.print(f"[green]done[/] {escape(str(folder))}", highlight=False, soft_wrap=True)


class Precision(StrEnum):
    """Type of the weights."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


Base = Annotated[str | None, typer.Option(help="the adapter's base, if it lies elsewhere now")]


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="a run's folder, or any model")],
    data: Annotated[str, typer.Option(help="prompt+chosen+rejected, prompt+completion, or messages")],
    reference: Annotated[str | None, typer.Option(help="what the implicit reward is counted from")] = None,
    base: Base = None,
    beta: Annotated[float, typer.Option(min=0.0, help="of the reward")] = 0.1,
    rho: Annotated[float | None, typer.Option(min=0.0, help="also measure sharpness at this radius")] = None,
    max_length: Annotated[int | None, typer.Option(min=2, help="window in tokens; longer rows are refused")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="responses in a forward pass")] = 8,
    out_file: Annotated[Path | None, typer.Option("--out", help="JSON file")] = None,
) -> None:
    """Measure held-out likelihood, and for preferences accuracy, margin and sharpness."""
    _needs_extra()
    from defenses.training import _data, _models, evaluation
    from defenses.training._preferences import check_preferences

    rows = _data.as_completions(_data.read(data, (_data.PREFERENCES, _data.COMPLETIONS, _data.MESSAGES)))
    if "rejected" in rows.column_names:
        check_preferences(rows, data)
    if rho is not None and reference is None:
        raise ConfigurationError("--rho needs --reference: sharpness is that of the preference loss")
    measured, tokenizer = _models.load_trained(model, base)
    other = None if reference is None else _models.load_trained(reference)[0]
    for each in (measured, other):
        if each is not None:
            _models.to_accelerator(each)
    found = evaluation.evaluate(
        measured, tokenizer, rows, reference=other, max_length=max_length, batch_size=batch_size, beta=beta, rho=rho
    )
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in found.items():
        table.add_row(name, f"{value:.6g}")
    out.print(table)
    if out_file is not None:
        record = {"schema": 1, "model": model, "data": data, "reference": reference, "metrics": found}
        _write(out_file, json.dumps(record, indent=1) + "\n")


@app.command()
def export(
    model: Annotated[str, typer.Option(help="a run's folder, an adapter, or any model")],
    out_folder: Annotated[Path, typer.Option("--out", help="a new folder")],
    base: Base = None,
    dtype: Annotated[Precision, typer.Option(help="of the weights written; auto: as the base's")] = Precision.auto,
) -> None:
    """Merge adapters and write safetensors that transformers loads."""
    _needs_extra()
    from defenses.training.export import export as write

    folder = write(model, out_folder, base=base, dtype=dtype.value)
    out.print(f"[green]written[/] {escape(str(folder))}", highlight=False, soft_wrap=True)


@app.command()
def evidence(
    kind: Annotated[str, typer.Argument(help="noise, self-play or cost")],
    model: Annotated[str, typer.Option(help="'tiny' (seconds, made from a seed) or any model")] = "tiny",
    seeds: Annotated[int, typer.Option(min=1, help="how many; an interval needs 2")] = 3,
    steps: Annotated[int | None, typer.Option(min=1, help="optimiser steps of each training (and iteration)")] = None,
    methods: Annotated[str | None, typer.Option(help="comma-separated; default: all")] = None,
    rates: Annotated[str, typer.Option(help="shares of flipped preferences (noise)")] = "0,0.2,0.4",
    rows: Annotated[int | None, typer.Option(min=8, help="training rows")] = None,
    held_out: Annotated[int | None, typer.Option(min=4, help="held-out rows")] = None,
    lora_r: Annotated[int | None, typer.Option(min=0, help="rank of adapters; 0 trains all weights")] = None,
    beta: Annotated[
        float | None,
        typer.Option(min=0.0, help="scale of log-ratios; default: the method's own"),
    ] = None,
    rho: Annotated[float | None, typer.Option(min=0.0, help="radius of the perturbation")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0)] = None,
    batch_size: Annotated[int | None, typer.Option(min=1)] = None,
    interval: Annotated[int | None, typer.Option(min=1, help="every how many steps the weights are perturbed")] = None,
    percentage: Annotated[float | None, typer.Option(min=0.0, max=100.0, help="of value vectors perturbed")] = None,
    out_file: Annotated[Path, typer.Option("--out", help="Markdown; runs are kept beside it")] = Path("evidence.md"),
) -> None:
    """Measure the trainers against their baselines over several seeds; the same command resumes."""
    # Read when tqdm is first imported; here the lines of the runs tell how far it is.
    os.environ.setdefault("TQDM_DISABLE", "1")
    _needs_extra()
    from defenses.training.evidence import KINDS
    from defenses.training.evidence.settings import Settings

    if kind not in KINDS:
        raise unknown_name("evidence", kind, KINDS)
    given = {
        "steps": steps, "rows": rows, "held_out": held_out, "lora_r": lora_r, "beta": beta, "rho": rho,
        "interval": interval, "percentage": percentage, "learning_rate": learning_rate, "batch_size": batch_size,
    }  # fmt: skip
    settings = Settings.of(
        kind, model, seeds, methods, rates, {name: value for name, value in given.items() if value is not None}
    )
    try:
        page = KINDS[kind]()(settings, out_file, _say)
    except KeyboardInterrupt:
        err.print("interrupted; the same command goes on from here")
        raise typer.Exit(130) from None
    _write(out_file, page)
    out.print(page, markup=False, highlight=False, soft_wrap=True)
    out.print(f"[dim]written to[/] {escape(str(out_file))}", soft_wrap=True)


def _say(line: str) -> None:
    err.print(f"[dim]{escape(line)}[/]", highlight=False, soft_wrap=True)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None


def _needs_extra() -> None:
    from importlib.util import find_spec

    for name in ("accelerate", "datasets", "peft", "transformers", "trl"):
        if find_spec(name) is None:
            raise ConfigurationError(
                f"sentinel-train needs {name}; install the extra: pip install 'sentinel-strategist[train]'"
            )
    from defenses.training._console import calm

    calm()


def main() -> None:
    """Entry point: one line and exit code 2 for whatever the user can mend."""
    run_command(app, err)


if __name__ == "__main__":
    main()
