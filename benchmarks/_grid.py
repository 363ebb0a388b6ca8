"""Columns of text laid out for a terminal: headers broken at hyphens and never cut, cells never wrapped."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from rich.text import Text

from benchmarks.attacks import Family

HEADING = {
    Family.BENIGN: "recall kept",
    Family.MEMBERSHIP: "membership auc",
    Family.POISONING: "poison exposure",
    Family.EXTRACTION: "text leaked",
    Family.COMPLETION: "forbidden values",
}
GAP = "  "
NO_BREAK = "\xa0"
LONGEST_LABEL = 40
"""Longer policy names are broken where the columns leave them no room."""


class Glyphs(NamedTuple):
    """Signs beyond ASCII, or what stands for them where the output cannot show them."""

    plus_minus: str = "±"
    none: str = "–"
    rule: str = "─"
    up: str = " ↑"
    down: str = " ↓"


ASCII = Glyphs("+-", "-", "-", "", "")


class Column(NamedTuple):
    """A column: the pieces that its header may be broken into, its family, and a cell for each policy."""

    pieces: tuple[str, ...]
    family: Family | None
    cells: list[Text]

    @property
    def width(self) -> int:
        """What the cells and the longest piece of the header need."""
        return max(*(len(cell) for cell in self.cells), *(len(piece.rstrip()) for piece in self.pieces))


def layout(
    policies: Sequence[str],
    families: Sequence[Sequence[str]],
    make: Callable[[Sequence[str], bool], list[Column]],
    time: list[Column],
    width: int,
) -> list[list[Column]]:
    """The columns of each table: as few tables as fit, with intervals where that costs no further table."""

    def fits(table: Sequence[Column]) -> bool:
        label = min(max(map(len, policies), default=0), LONGEST_LABEL)
        return max(label, len("policy")) + sum(len(gap) + size for _, gap, size in _placed(table)) <= width

    for intervals in (True, False):
        table = [*make([attack for family in families for attack in family], intervals), *time]
        if fits(table):
            return [table]
    tables: list[list[Column]] = []
    for number, chosen in enumerate(families):
        last = time if number == 0 else []  # it is benign traffic that is timed, and that comes first
        for parts in range(1, len(chosen) + 1):
            ends = [round(len(chosen) * part / parts) for part in range(parts + 1)]
            chunks = [chosen[start:end] for start, end in pairwise(ends)]
            for intervals in (True, False):
                made = [make(chunk, intervals) for chunk in chunks]
                made[-1] += last
                if all(map(fits, made)):
                    break
            if all(map(fits, made)) or parts == len(chosen):
                tables += made
                break
    return tables


def _placed(table: Sequence[Column]) -> Iterator[tuple[Column, str, int]]:
    """Each column with the gap before it and its width: wide enough for its cells, header and family heading."""
    for index, column in enumerate(table):
        family = [other for other in table if other.family is column.family]
        first = index == 0 or table[index - 1].family is not column.family
        size = column.width
        if column.family is not None and column is family[-1]:
            spare = sum(other.width for other in family) + len(GAP) * (len(family) - 1)
            size += max(0, max(map(len, HEADING[column.family].split(" "))) + 2 - spare)
        yield column, GAP + " " * first, size


def lines(policies: Sequence[str], table: Sequence[Column], glyphs: Glyphs, width: int) -> Iterator[Text]:
    """The lines of one table: family headings over a rule, headers, a rule, one row for each policy."""
    placed = list(_placed(table))
    room = max(LONGEST_LABEL, width - sum(len(gap) + size for _, gap, size in placed))
    labels = [_filled(tuple(re.findall(r"[^-_@]*[-_@]?", policy)), room) for policy in policies]
    label = max(len(part) for parts in (*labels, ["policy"]) for part in parts)
    blank, headings, rules = " " * label, list[list[str]](), ""
    spans: list[tuple[str, int]] = []
    for family, group in groupby(placed, key=lambda item: item[0].family):
        members = list(group)
        span = sum(len(gap) + size for _, gap, size in members) - len(members[0][1])
        arrow = "" if family is None else glyphs.up if family is Family.BENIGN else glyphs.down
        heading = [] if family is None else textwrap.wrap(HEADING[family] + arrow.replace(" ", NO_BREAK), span)
        headings.append(heading)
        spans.append((members[0][1], span))
        rules += members[0][1] + (glyphs.rule if family is not None else " ") * span
    for number in range(depth := max(map(len, headings), default=0)):
        parts = [
            gap + (heading[number - depth] if number >= depth - len(heading) else "").center(span)
            for heading, (gap, span) in zip(headings, spans, strict=True)
        ]
        yield Text(blank + "".join(parts).replace(NO_BREAK, " "), style="dim")
    yield Text(blank + rules, style="dim")
    heads = [_filled(column.pieces, size) for column, _, size in placed]
    for number in range(depth := max(map(len, heads), default=0)):
        row = Text(("policy" if number == depth - 1 else "").ljust(label), style="bold")
        for head, (_, gap, size) in zip(heads, placed, strict=True):
            row.append(gap + (head[number - depth] if number >= depth - len(head) else "").rjust(size))
        yield row
    yield Text(glyphs.rule * (label + sum(len(gap) + size for _, gap, size in placed)), style="dim")
    for index, parts in enumerate(labels):
        row = Text(parts[0].ljust(label))
        for column, gap, size in placed:
            cell = column.cells[index]
            row.append(gap + " " * (size - len(cell)))
            row.append_text(cell)
        yield row
        yield from (Text(f"  {part}") for part in parts[1:])


def _filled(pieces: Sequence[str], size: int) -> list[str]:
    """Pieces put together into lines of at most that size; only a longer piece is cut through."""
    filled = [""]
    for piece in pieces:
        for part in textwrap.wrap(piece, size, drop_whitespace=False) or [""]:
            if len((filled[-1] + part).rstrip()) > size:
                filled.append("")
            filled[-1] += part
    return [line.rstrip() for line in filled]
