"""The grammar of document kinds: what stands in the ``*.txt`` files beside this module, as objects.

Why text files: the data set is mostly prose, and prose is easier to read, review and extend without quotes
and commas around it. One file holds several kinds; a kind is a list of slots (its facts), interchangeable
building blocks of text, and for each askable fact the questions and statements it gives rise to.

Line by line (a blank line is skipped)::

    ## kind-name            starts a kind
    slot = spec             a fact: "@person", "@date 2018 2023", "@money 60 900", or choices "a | b | c"
    T title                 one possible title (a bare T: no title)
    O opening / C closing   alternatives; exactly one of each is used
    B2 or B2!               starts a block of stage 2; blocks of one stage are shuffled, "!" is always used
    * wording               one wording of the current block
    P padding               a sentence about the subject that carries no askable fact
    A slot                  starts the questions about a slot; {v} stands for the value asked about
    ? open question    y yes/no question    = statement (a clause that can follow "that")

``{slot}`` is filled in, ``[a|b]`` picks one alternative at random.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent
RECORD_FILES = tuple(f"records_{name}.txt" for name in ("health", "patients", "care", "law", "money", "work"))
REFERENCE_FILES = tuple(f"reference_{name}.txt" for name in ("health", "rules", "places", "customs", "things"))

_SPIN = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_SPACES = re.compile(r" +(?=[ ,;])")


@dataclass
class Ask:
    """Everything that can be asked or claimed about one slot of a kind."""

    slot: str
    opens: list[str] = field(default_factory=list)
    yes_no: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)


@dataclass
class Block:
    """Alternative wordings of one building block; ``stage`` orders blocks, ``required`` always uses it."""

    stage: int
    required: bool
    wordings: list[str] = field(default_factory=list)


@dataclass
class Kind:
    """One kind of document: its facts, its building blocks and its questions."""

    name: str
    slots: list[tuple[str, str]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    openings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    closings: list[str] = field(default_factory=list)
    pads: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)


def parse(text: str) -> list[Kind]:
    """Read the kinds out of one grammar file.

    Args:
        text: the file's content.

    Returns:
        The kinds in the order they stand in.

    Raises:
        ValueError: on a line that is none of the known forms.
    """
    kinds: list[Kind] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("# "):
            continue
        if line.startswith("## "):
            kinds.append(Kind(line[3:].strip()))
            continue
        kind, (mark, _, rest) = kinds[-1], line.partition(" ")
        if mark == "T":
            kind.titles.append(rest)
        elif mark == "O":
            kind.openings.append(rest)
        elif mark == "C":
            kind.closings.append(rest)
        elif mark == "P":
            kind.pads.append(rest)
        elif re.fullmatch(r"B\d!?", mark):
            kind.blocks.append(Block(int(mark[1]), mark.endswith("!")))
        elif mark == "*":
            kind.blocks[-1].wordings.append(rest)
        elif mark == "A":
            kind.asks.append(Ask(rest))
        elif mark == "?":
            kind.asks[-1].opens.append(rest)
        elif mark == "y":
            kind.asks[-1].yes_no.append(rest)
        elif mark == "=":
            kind.asks[-1].claims.append(rest)
        elif re.fullmatch(r"\w+", mark) and rest.startswith("= "):
            kind.slots.append((mark, rest[2:].strip()))
        else:
            raise ValueError(f"not a grammar line: {line!r}")
    return kinds


@cache
def load(group: str) -> tuple[Kind, ...]:
    """Load all kinds of a group.

    Args:
        group: ``"records"`` or ``"reference"``.

    Returns:
        The kinds, in file order.
    """
    names = RECORD_FILES if group == "records" else REFERENCE_FILES
    return tuple(kind for name in names for kind in parse((FOLDER / name).read_text(encoding="utf-8")))


def spin(template: str, rng: Random) -> str:
    """Resolve every ``[a|b]`` of a template, innermost first.

    Args:
        template: text with alternatives.
        rng: the source of choices.

    Returns:
        The text with one alternative each.
    """
    while _SPIN.search(template):
        template = _SPIN.sub(lambda match: rng.choice(match.group(1).split("|")), template)
    return template


def fill(template: str, values: dict[str, str], rng: Random) -> str:
    """Resolve alternatives, then fill the slots of a template and begin it with a capital letter.

    Args:
        template: text with alternatives and slots.
        values: slot values.
        rng: the source of choices.

    Returns:
        The finished text.
    """
    text = _SPACES.sub("", _SLOT.sub(lambda match: values[match.group(1)], spin(template, rng))).strip()
    return text[:1].upper() + text[1:]


def used_slots(template: str) -> list[str]:
    """Name the slots that a template mentions, in order."""
    return _SLOT.findall(template)
