"""The table of a run, to be read at a glance: policies as rows, what users keep and what attackers get as columns.

One table where the terminal is wide enough, else one for each family of attacks, else several; a header is broken at
its hyphens and never cut, a cell is never wrapped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from benchmarks import answer_table, own_targets
from benchmarks._grid import ASCII, HEADING, Column, Glyphs, layout, lines
from benchmarks._worse import higher_is_better, worse_than_none
from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import CONTEXT
from benchmarks.summary import HEADLINE, REFERENCE

LEGEND = {
    Family.BENIGN: "benign recall@5 relative to no defense; higher is better, 1 loses nothing.",
    Family.MEMBERSHIP: "how well attackers tell members of the corpus from others; lower is better, 0.50 is a coin.",
    Family.POISONING: "share of questions served a document planted for them; lower is better.",
    Family.EXTRACTION: "share of served words that go out beyond quotation; lower is better.",
    Family.COMPLETION: "share of tasks that end in a forbidden value; lower is better.",
}
STAGES = {
    "context": "an ideal reader uses whatever it is handed: an upper bound for the attacker.",
    "answer": "a real generator answers from what it is handed.",
}
CHANCE = {"auc": 0.5}
WORSE = "!"
Cells = Mapping[tuple[str, str], Mapping[str, Any]]


def headline_cells(summary: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The whole-data headline figure of each (policy, attack) at the context stage."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for cell in summary["cells"]:
        headline = cell["stage"] == CONTEXT and cell["metric"] == HEADLINE[family_of(cell["attack"])]
        if headline and cell["group"] is None:
            found.setdefault((cell["policy"], cell["attack"]), cell)
    return found


def family_of(attack: str) -> Family:
    """The family of an attack by name."""
    family: Family = ATTACKS.get(attack).manifest.family
    return family


def success(cell: Mapping[str, Any]) -> float | None:
    """How much of what an attacker can get is got, in [0, 1]: chance counts as nothing."""
    if cell["value"] is None:
        return None
    chance = CHANCE.get(cell["metric"], 0.0)
    return float(min(1.0, max(0.0, (cell["value"] - chance) / (1.0 - chance))))


def half_width(cell: Mapping[str, Any]) -> float | None:
    """How far the interval reaches from the figure, to the farther side: intervals near 0 and 1 are lopsided."""
    if cell["value"] is None or cell["ci_low"] is None:
        return None
    return float(max(cell["ci_high"] - cell["value"], cell["value"] - cell["ci_low"]))


def axes(found: Cells) -> tuple[list[str], list[str]]:
    """The policies as they were run, and the attacks sorted by family."""
    attacks = sorted(dict.fromkeys(attack for _, attack in found), key=lambda a: list(Family).index(family_of(a)))
    return list(dict.fromkeys(policy for policy, _ in found)), attacks


def best_of(found: Cells, policies: Sequence[str], attack: str) -> frozenset[str]:
    """The defended policies with the best figure, as printed; none where there is nothing to choose."""
    cells = {policy: found[policy, attack] for policy in policies if policy != REFERENCE and (policy, attack) in found}
    shown = {policy: round(cell["value"], 2) for policy, cell in cells.items() if cell["value"] is not None}
    if len(set(shown.values())) < 2:
        return frozenset()
    pick = max if higher_is_better(next(iter(cells.values()))) else min
    return frozenset(policy for policy, value in shown.items() if value == pick(shown.values()))


def overhead(summary: Mapping[str, Any], policy: str) -> float | None:
    """Median milliseconds that a policy adds to benign traffic; of its kinds the slowest."""
    values = [
        float(cell["value"])
        for cell in summary["cells"]
        if cell["policy"] == policy and cell["metric"] == "overhead_ms_p50" and cell["value"] is not None
        and cell["group"] is None and family_of(cell["attack"]) is Family.BENIGN
    ]  # fmt: skip
    return max(values, default=None)


def render(summary: Mapping[str, Any], console: Console) -> None:
    """Print the table of a run and how to read it."""
    glyphs = ASCII if console.options.ascii_only else Glyphs()
    found = headline_cells(summary)
    encoded = str(summary["run"]["data"]["name"]).encode(console.encoding, "replace").decode(console.encoding)
    name = "".join(character if character.isprintable() else "?" for character in encoded)
    _print(console, Text.assemble((name, "bold"), f", seed {summary['run']['seed']}"))
    if summary["run"].get("limit"):
        _print(console, Text(f"A trial: at most {summary['run']['limit']:,} sessions an attack. No result.", "bold"))
    if found:
        _render_context(summary, found, console, glyphs)
    elif not answer_table.blocks(summary):
        _print(console, Text("This run has no figures.", "dim"))
    answer_table.render(summary, console)


def _render_context(
    summary: Mapping[str, Any], found: dict[tuple[str, str], Mapping[str, Any]], console: Console, glyphs: Glyphs
) -> None:
    policies, attacks = axes(found)
    milliseconds = [overhead(summary, policy) for policy in policies]
    cells = [Text(glyphs.none if ms is None else f"{ms:.1f}") for ms in milliseconds]
    time = [Column(("added ms ", "p50"), None, cells)] if any(ms is not None for ms in milliseconds) else []

    def make(chosen: Sequence[str], intervals: bool) -> list[Column]:
        return [_column(found, policies, attack, intervals, glyphs) for attack in chosen]

    families = [[attack for attack in attacks if family_of(attack) is family] for family in Family]
    tables = layout(policies, [family for family in families if family], make, time, console.width)
    for table in tables:
        console.print()
        for line in lines(policies, table, glyphs, console.width):
            _print(console, line)
    console.print()
    shown = [_has_intervals(table, glyphs) for table in tables]
    legend = notes(found, attacks, glyphs, any(shown), not all(shown), bool(time))
    if made := summary["run"]["data"].get("made"):
        legend.append(("targets", own_targets.told(made)))
    indent = max(len(label) for label, _ in legend) + 2
    for label, what in legend:
        for number, part in enumerate(textwrap.wrap(what, max(20, console.width - indent), break_on_hyphens=False)):
            start = (label if number == 0 else "").ljust(indent)
            _print(console, Text.assemble(start, (part, "dim")))


def notes(
    found: Cells, attacks: Sequence[str], glyphs: Glyphs, shown: bool, left_out: bool, timed: bool
) -> list[tuple[str, str]]:
    """What a reader must know to read the table rightly, as pairs of a label and a sentence."""
    said = [(HEADING[family], LEGEND[family]) for family in Family if any(family_of(a) is family for a in attacks)]
    if timed:
        said.append(("added ms", "median milliseconds beyond embedding and search on benign traffic."))
    said.append((WORSE, "worse than no defense, beyond the 95 % interval. Bold: the best defense of its column."))
    if shown:
        said.append((glyphs.plus_minus, "to the farther end of the 95 % interval."))
    widths = [width for cell in found.values() if (width := half_width(cell)) is not None]
    if left_out and widths:
        where = "Where there is no room for them, intervals are left out" if shown else "No room for intervals"
        said.append(
            ("95 %", f"{where}: they reach up to {glyphs.plus_minus}{max(widths):.2f}; all stand in report.html.")
        )
    if any(cell["value"] is None for cell in found.values()):
        said.append((glyphs.none, "cannot be said from these sessions."))
    per = {attack: [cell for (_, name), cell in found.items() if name == attack] for attack in attacks}
    counts = {attack: max(cell["n"] for cell in cells) for attack, cells in per.items()}
    usual = max(counts.values(), key=list(counts.values()).count, default=0)
    others = [f"{attack} {n:,}" for attack, n in counts.items() if n != usual]
    said.append(("n", f"{usual:,} sessions a figure{'; ' + ', '.join(others) if others else ''}."))
    for label, key, what in (
        ("errors", "errors", "sessions that failed, of all policies; they count in no figure"),
        ("not retrieved", "not_retrieved", "targets that not even undefended retrieval brings up"),
    ):
        combine = sum if key == "errors" else max
        some = [f"{a} {total:,}" for a, cells in per.items() if (total := combine(c[key] for c in cells))]
        if some:
            said.append((label, f"{what}: {', '.join(some)}."))
    stages = sorted({cell["stage"] for cell in found.values()})
    said += [(f"stage {stage}", STAGES[stage]) for stage in stages if stage in STAGES]
    knowing = [attack for attack in attacks if attack.endswith("@adaptive")]
    whose = f"Only those of {', '.join(knowing)} know" if knowing else "None of them knows"
    said.append(("attackers", f"{whose} the defense; one who does gets at least as much."))
    return said


def _has_intervals(table: Sequence[Column], glyphs: Glyphs) -> bool:
    return any(glyphs.plus_minus in cell.plain for column in table for cell in column.cells)


def _column(found: Cells, policies: Sequence[str], attack: str, intervals: bool, glyphs: Glyphs) -> Column:
    family, reference = family_of(attack), found.get((REFERENCE, attack))
    best = best_of(found, policies, attack)
    marked = any(worse_than_none(found[p, attack], reference) for p in policies if (p, attack) in found)
    cells: list[Text] = []
    for policy in policies:
        cell = found.get((policy, attack))
        # No interval where the figure is 1 by definition.
        by_definition = policy == REFERENCE and family is Family.BENIGN
        width = half_width(cell) if cell and intervals and not by_definition else None
        spread = f" {glyphs.plus_minus}{width:.2f}" if width is not None else ""
        if cell is None or cell["value"] is None:
            text = Text(glyphs.none.rjust(4), style="dim")
        else:
            text = Text(f"{cell['value']:.2f}", style=_style(cell, policy, policy in best))
        text.append(spread, style="not bold dim")
        cells.append(text)
    room = max(len(text) for text in cells)
    for policy, text in zip(policies, cells, strict=True):
        text.append(" " * (room - len(text)))
        if marked:
            worse = (policy, attack) in found and worse_than_none(found[policy, attack], reference)
            text.append(f" {WORSE}" if worse else "  ", style="bold red")
    return Column(tuple(re.findall(r"@?[^-_@]+[-_]*(?:[^-_@]{1,2}$)?|.", attack)), family, cells)


def _style(cell: Mapping[str, Any], policy: str, best: bool) -> str:
    """Bold for the best of a column; green and red, for whoever sees them, at the ends of the scale."""
    got = success(cell) or 0.0
    good, bad = (got >= 0.95, got < 0.8) if higher_is_better(cell) else (got <= 0.1, got >= 0.5)
    colour = "" if policy == REFERENCE else "green" if good else "red" if bad else ""
    return " ".join(filter(None, ["bold" if best else "", colour]))


def _print(console: Console, text: Text) -> None:
    text.rstrip()
    console.print(text, soft_wrap=True, highlight=False)
