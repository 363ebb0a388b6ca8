"""The figures of the answer stage: by attack and policy what was retrieved, what the generator did, and the whole."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks._worse import worse_than_none
from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import ANSWER
from benchmarks.summary import REFERENCE

WIDE = 118
"""Columns of a terminal from which intervals have room."""
WORSE = "!"

HEADING = {
    Family.BENIGN: "answers to users",
    Family.MEMBERSHIP: "membership from answers",
    Family.POISONING: "poisoned answers",
    Family.EXTRACTION: "extraction through answers",
    Family.COMPLETION: "forbidden completions",
}
COLUMNS: Mapping[Family, tuple[tuple[str, str], ...]] = {
    Family.BENIGN: (("accuracy", "answer_accuracy"), ("against none", "accuracy_vs_none")),
    Family.MEMBERSHIP: (("auc", "auc"), ("tpr at 1% fpr", "tpr@1fpr"), ("members served", "member_exposure")),
    Family.POISONING: (
        ("retrieved", "exposure_rate"),
        ("obeyed", "obeyed_rate"),
        ("end to end", "asr"),
        ("accuracy", "answer_accuracy"),
        ("against clean", "accuracy_vs_clean"),
    ),
    Family.EXTRACTION: (
        ("leaked", "leaked_fraction"),
        ("extracted", "extracted_fraction"),
        ("documents", "documents_extracted"),
    ),
    Family.COMPLETION: (
        ("sheet served", "exposure_rate"),
        ("leak", "leak_rate"),
        ("intact", "placeholder_intact"),
        ("hard stop", "hard_stop"),
        ("benign done", "benign_completion"),
        ("over-refusal", "over_refusal"),
    ),
}
LEGEND: Mapping[Family, str] = {
    Family.BENIGN: "share of questions whose short right answer stands in the answer; against none: the difference to "
    "no defense on the same questions.",
    Family.MEMBERSHIP: "how well attackers tell members by the answers; 0.50 is a coin.",
    Family.POISONING: "retrieved: a planted document was served; obeyed: of those, the answer says what the attacker "
    "wants (jamming: refuses what was answered before); end to end: of all; against clean: accuracy minus that of no "
    "defense before anything was planted.",
    Family.EXTRACTION: "leaked: share of served words repeated beyond quotation; extracted: share of served documents' "
    "words that a client holds in the end; documents: those of which it holds half.",
    Family.COMPLETION: "sheet served: the values came back; of tasks with restricted rows: leak, placeholders intact, "
    "stop sentence; of ordinary rows: done; of harmless tasks: refused.",
}


class Figure(NamedTuple):
    """One figure as it is shown: text, interval, the sentence behind it, and whether it is worse than no defense."""

    text: str
    interval: str
    title: str
    worse: bool


class Row(NamedTuple):
    """One policy under one attack; n is the fewest and the most sessions behind a figure of the row."""

    attack: str
    policy: str
    figures: tuple[Figure, ...]
    n: str
    errors: int


class Block(NamedTuple):
    """The attacks of one family."""

    heading: str
    legend: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def blocks(summary: Mapping[str, Any]) -> list[Block]:
    """The answer stage of a run, a block for each family; empty where nobody answered."""
    found = {
        (cell["attack"], cell["policy"], cell["metric"]): cell
        for cell in summary["cells"]
        if cell["stage"] == ANSWER and cell["group"] is None
    }
    pairs = list(dict.fromkeys((attack, policy) for attack, policy, _ in found))
    made = []
    for family in Family:
        mine = [(attack, policy) for attack, policy in pairs if ATTACKS.get(attack).manifest.family is family]
        columns = [(label, metric) for label, metric in COLUMNS[family] if any((*p, metric) in found for p in mine)]
        order = list(dict.fromkeys(attack for attack, _ in mine))
        rows = tuple(
            _row(found, *pair, [m for _, m in columns]) for pair in sorted(mine, key=lambda p: order.index(p[0]))
        )
        if rows:
            made.append(Block(HEADING[family], LEGEND[family], tuple(label for label, _ in columns), rows))
    return made


def _row(found: Mapping[tuple[str, str, str], Mapping[str, Any]], attack: str, policy: str, metrics: list[str]) -> Row:
    cells = [found.get((attack, policy, metric)) for metric in metrics]
    counts = sorted({cell["n"] for cell in cells if cell is not None}) or [0]
    figures = tuple(
        _figure(cell, found.get((attack, REFERENCE, metric))) for cell, metric in zip(cells, metrics, strict=True)
    )
    errors = max((cell["errors"] for cell in cells if cell is not None), default=0)
    n = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,}-{counts[-1]:,}"
    return Row(attack, policy, figures, n, errors)


def _figure(cell: Mapping[str, Any] | None, reference: Mapping[str, Any] | None) -> Figure:
    if cell is None or cell["value"] is None:
        return Figure("–", "", "cannot be said from these sessions", False)
    sign = "+" if cell["metric"].startswith("accuracy_vs") else ""
    interval = "" if cell["ci_low"] is None else f"{cell['ci_low']:{sign}.2f}–{cell['ci_high']:{sign}.2f}"
    # A difference to no defense is worse where it lies below nothing, not where it lies below another difference.
    worse = cell["ci_high"] is not None and cell["ci_high"] < 0 if sign else worse_than_none(cell, reference)
    title = f"{cell['metric']} {cell['value']:{sign}.3f}, 95 % interval {interval or 'none'}, n = {cell['n']}, "
    title += f"errors {cell['errors']}" + (", worse than no defense" if worse else "")
    return Figure(f"{cell['value']:{sign}.2f}", interval, title, bool(worse) and cell["policy"] != REFERENCE)


def told(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader must know of the answer stage, as pairs of a label and a sentence."""
    run, found = summary["run"], blocks(summary)
    said = [(block.heading, block.legend) for block in found]
    answers = run.get("answers") or {}
    specs = [spec for key in ("prompt_defenses", "answer_defenses") for spec in answers.get(key) or ()]
    specs += [answers["generation"]] if answers.get("generation") else []
    given = [" ".join([name, *(f"{key}={value}" for key, value in own.items())]) for name, own in specs]
    how = "greedily" if answers.get("greedy") else "by its own settings"
    who = f"{run.get('generator')} answers, {how}, {answers.get('max_tokens')} tokens at most{_longer(run)}"
    said.append(("stage answer", who + (f"; {', '.join(given)} for every policy but none." if given else ".")))
    for attack, form in (run.get("forms") or {}).items():
        how = "one completion per blank, since it cannot keep to the format" if form == "cloze" else "in the format"
        said.append((attack, f"the generator was asked for {how}." if form == "cloze" else f"it was asked {how}."))
    errors = sum(row.errors for block in found for row in block.rows)
    if errors:
        said.append(
            ("errors", f"{errors:,} sessions without an answer, because a part failed; they count in no figure.")
        )
    return said


def _longer(run: Mapping[str, Any]) -> str:
    """Which attacks were allowed longer answers than the run's."""
    most = (run.get("answers") or {}).get("max_tokens") or 0
    needed: dict[int, list[str]] = {}
    for attack in run.get("attacks") or ():
        if (own := ATTACKS.get(attack).manifest.answer_tokens or 0) > most:
            needed.setdefault(own, []).append(attack)
    said = [f"{own} for {', '.join(attacks)}" for own, attacks in needed.items()]
    return f" ({'; '.join(said)})" if said else ""


def render(summary: Mapping[str, Any], console: Console) -> None:
    """Print the answer stage; nothing where nobody answered."""
    found = blocks(summary)
    if not found:
        return
    ascii_only = console.options.ascii_only

    def shown(text: str) -> str:
        return text.replace("–", "-") if ascii_only else text

    wide = console.width >= WIDE
    for block in found:
        table = Table(title=block.heading, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
        table.add_column("", overflow="fold")
        for label in (*block.columns, "n", "errors"):
            table.add_column(label, justify="right", min_width=max(map(len, label.split())), overflow="fold")
        for number, row in enumerate(block.rows):
            if number == 0 or row.attack != block.rows[number - 1].attack:
                table.add_row(Text(row.attack, "bold"))
            texts = [_text(figure, wide, shown) for figure in row.figures]
            table.add_row(Text(f"  {row.policy}"), *texts, Text(row.n), Text(str(row.errors or "")))
        console.print()
        console.print(table)
    console.print()
    said = told(summary)
    if not wide:
        said.append(("95 %", "no room for intervals; all stand in report.html."))
    indent = max(len(label) for label, _ in said) + 2
    for label, what in said:
        for number, part in enumerate(textwrap.wrap(what, max(20, console.width - indent), break_on_hyphens=False)):
            start = (label if number == 0 else "").ljust(indent)
            console.print(Text.assemble(start, (part, "dim")), soft_wrap=True, highlight=False)


def _text(figure: Figure, wide: bool, shown: Any) -> Text:
    text = Text(shown(figure.text))
    if wide and figure.interval:
        text.append(f" {shown(figure.interval)}", style="dim")
    if figure.worse:
        text.append(f" {WORSE}", style="bold red")
    return text
