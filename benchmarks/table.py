"""The table of a run, to be read at a glance: policies as rows, what users keep and what attackers get as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import METRICS
from benchmarks.summary import HEADLINE, REFERENCE

LABEL = {"recall_ratio@5": "recall kept", "auc": "auc", "exposure_rate": "exposed"}
CHANCE = {"auc": 0.5}
Cells = Mapping[tuple[str, str], Mapping[str, Any]]


def headline_cells(summary: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The whole-data headline figure of each (policy, attack)."""
    return {
        (cell["policy"], cell["attack"]): cell
        for cell in summary["cells"]
        if cell["group"] is None and cell["metric"] == HEADLINE[family_of(cell["attack"])]
    }


def family_of(attack: str) -> Family:
    """The family of an attack by name."""
    family: Family = ATTACKS.get(attack).manifest.family
    return family


def worse_than_none(cell: Mapping[str, Any], reference: Mapping[str, Any] | None) -> bool:
    """Whether a figure is worse than undefended beyond its own interval."""
    if reference is None or cell["value"] is None or reference["value"] is None or cell["ci_low"] is None:
        return False
    better: bool = METRICS.get(cell["metric"]).manifest.higher_is_better  # type: ignore[attr-defined]
    return bool(cell["ci_high"] < reference["value"] if better else cell["ci_low"] > reference["value"])


def render(summary: Mapping[str, Any], console: Console) -> None:
    """Print the table of a run and how to read it."""
    found = headline_cells(summary)
    policies = list(dict.fromkeys(policy for policy, _ in found))
    attacks = list(dict.fromkeys(attack for _, attack in found))
    attacks.sort(key=lambda attack: list(Family).index(family_of(attack)))
    table = Table(box=box.SIMPLE_HEAD, title=_title(summary), title_justify="left", padding=(0, 1))
    table.add_column("policy", no_wrap=True)
    for attack in attacks:
        table.add_column(Text(f"{attack}\n{LABEL[HEADLINE[family_of(attack)]]}", justify="right"), justify="right")
    table.add_column(Text("added ms\np50", justify="right"), justify="right")
    for policy in policies:
        row = [_figure(found.get((policy, attack)), found.get((REFERENCE, attack))) for attack in attacks]
        table.add_row(policy, *row, _overhead(summary, policy))
    console.print(table)
    console.print(Text("\n".join(notes(summary, found, attacks)), style="dim"))


def notes(summary: Mapping[str, Any], found: Cells, attacks: Sequence[str]) -> list[str]:
    """What a reader must know to read the table rightly."""
    lines = ["recall kept: benign recall@5 relative to no defense, higher is better, 1 is no loss."]
    families = {family_of(attack) for attack in attacks}
    if Family.MEMBERSHIP in families:
        lines.append("auc: how well the attacker tells members from non-members, lower is better, 0.50 is a coin.")
    if Family.POISONING in families:
        lines.append("exposed: share of questions that bring up a document planted for them, lower is better.")
    lines.append("▼ worse than no defense, beyond the 95 % interval. ± half of the 95 % interval.")
    counts = sorted({cell["n"] for cell in found.values()})
    errors = sum(cell["errors"] for cell in found.values())
    if counts:
        lines.append(f"n from {counts[0]:,} to {counts[-1]:,} sessions a figure; {errors:,} errors, counted in none.")
    lines.append(
        "stage context: an ideal reader uses whatever it is handed, an upper bound for the attacker. Measured against "
        "attackers who do not know the defense."
    )
    return lines


def _title(summary: Mapping[str, Any]) -> str:
    run = summary["run"]
    limit = f", at most {run['limit']} sessions an attack (a trial, not a result)" if run.get("limit") else ""
    return f"{run['data']['name']}: recall beside attack success, seed {run['seed']}{limit}"


def _figure(cell: Mapping[str, Any] | None, reference: Mapping[str, Any] | None) -> Text:
    if cell is None or cell["value"] is None:
        return Text("-", style="dim")
    low, high = cell["ci_low"], cell["ci_high"]
    text = Text(f"{cell['value']:.2f}")
    if low is not None:
        text.append(f" ±{(high - low) / 2:.2f}", style="dim")
    if worse_than_none(cell, reference):
        text.append(" ▼", style="bold red")
        text.stylize("red")
    else:
        text.append("  ")
    return text


def _overhead(summary: Mapping[str, Any], policy: str) -> Text:
    values = [
        cell["value"]
        for cell in summary["cells"]
        if cell["policy"] == policy and cell["metric"] == "overhead_ms_p50" and cell["value"] is not None
        and cell["group"] is None and family_of(cell["attack"]) is Family.BENIGN
    ]  # fmt: skip
    return Text(f"{max(values):.1f}" if values else "-")
