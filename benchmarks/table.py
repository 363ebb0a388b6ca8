"""The table of a run, to be read at a glance: policies as rows, what users keep and what attackers get as columns.

One table where the terminal is wide enough, else one for each family of attacks, else several; a header is broken at
its hyphens and never cut, a cell is never wrapped.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import METRICS
from benchmarks.summary import HEADLINE, REFERENCE

HEADING = {Family.BENIGN: "recall users keep", Family.MEMBERSHIP: "membership auc", Family.POISONING: "poison exposure"}
CHANCE = {"auc": 0.5}
WORSE = "!"
GAP = "  "
Cells = Mapping[tuple[str, str], Mapping[str, Any]]


class Glyphs(NamedTuple):
    """Signs beyond ASCII, or what stands for them where the output cannot show them."""

    plus_minus: str = "±"
    none: str = "–"
    rule: str = "─"
    up: str = " ↑"
    down: str = " ↓"


ASCII = Glyphs("+-", "-", "-", "", "")


class Column(NamedTuple):
    """A column: header, the family that it stands under, a cell for each policy, least width."""

    name: str
    family: Family | None
    cells: list[Text]

    @property
    def width(self) -> int:
        """What the cells and the longest piece of the header need."""
        return max(len(piece) for piece in (*(cell.plain for cell in self.cells), *pieces(self.name)))


def headline_cells(summary: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The whole-data headline figure of each (policy, attack); of two stages the first."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for cell in summary["cells"]:
        if cell["group"] is None and cell["metric"] == HEADLINE[family_of(cell["attack"])]:
            found.setdefault((cell["policy"], cell["attack"]), cell)
    return found


def family_of(attack: str) -> Family:
    """The family of an attack by name."""
    family: Family = ATTACKS.get(attack).manifest.family
    return family


def higher_is_better(cell: Mapping[str, Any]) -> bool:
    """Whether a high figure is good for whoever runs the system."""
    return METRICS.get(cell["metric"]).manifest.higher_is_better


def worse_than_none(cell: Mapping[str, Any], reference: Mapping[str, Any] | None) -> bool:
    """Whether a figure is worse than undefended beyond its own interval."""
    if reference is None or cell["value"] is None or reference["value"] is None or cell["ci_low"] is None:
        return False
    if higher_is_better(cell):
        return bool(cell["ci_high"] < reference["value"])
    return bool(cell["ci_low"] > reference["value"])


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
    policies, attacks = axes(found)
    rows = Column("policy", None, [Text(policy) for policy in policies])
    milliseconds = [overhead(summary, policy) for policy in policies]
    time = Column("added ms", None, [Text(glyphs.none if ms is None else f"{ms:.1f}") for ms in milliseconds])

    def columns(chosen: Sequence[str], intervals: bool) -> list[Column]:
        return [_column(found, policies, attack, intervals, glyphs) for attack in chosen]

    tables: list[list[Column]] = []
    families = [[a for a in attacks if family_of(a) is family] for family in Family]
    for block in _blocks([family for family in families if family], lambda c, i: columns(c, i), rows, time, console):
        tables.append(block)
    _print(console, Text.assemble((summary["run"]["data"]["name"], "bold"), f", seed {summary['run']['seed']}"))
    for line in _warnings(summary):
        for part in textwrap.wrap(line, console.width):
            _print(console, Text(part, style="bold"))
    for table in tables:
        console.print()
        for text in _lines(rows, table, glyphs):
            _print(console, text)
    console.print()
