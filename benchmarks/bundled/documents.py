"""Composing documents: which building blocks a document uses, in which order and in which wording.

No two documents may look like fillings of one form, so every document is rendered several times and the
rendering least like its siblings is kept; wordings used often so far are avoided.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from random import Random

from .grammar import Ask, Kind, fill
from .world import World

TRIES = 14
"""Renderings per document, of which the most distinct one stands."""

_WORD = re.compile(r"[\w£'/.-]*\w")


@dataclass
class Document:
    """A finished document with the facts that it was written from."""

    kind: Kind
    values: dict[str, str]
    title: str
    text: str
    id: str = ""

    def asks(self) -> list[Ask]:
        """List what can be asked: the facts that really stand in the text."""
        return [ask for ask in self.kind.asks if self.values[ask.slot] in self.text]

    @property
    def subject(self) -> str:
        """The name of whom or what the document is about."""
        return self.values[self.kind.slots[0][0]]


def words(text: str) -> list[str]:
    """Split a text into lower-case words."""
    return _WORD.findall(text.lower())


def ngrams(text: str, size: int) -> frozenset[tuple[str, ...]]:
    """List the distinct word n-grams of a text.

    Args:
        text: any text.
        size: words per n-gram.

    Returns:
        The n-grams.
    """
    tokens = words(text)
    return frozenset(zip(*(tokens[i:] for i in range(size)), strict=False))


def jaccard(left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]) -> float:
    """Say how much two n-gram collections share, between 0 and 1."""
    common = len(left & right)
    return common / (len(left) + len(right) - common) if common else 0.0


class Composer:
    """Writes documents of one group and remembers what it wrote, so as not to repeat itself."""

    def __init__(self, world: World, rng: Random) -> None:
        """Start with nothing written.

        Args:
            world: names and values.
            rng: the seeded generator.
        """
        self._world = world
        self._rng = rng
        self._used: Counter[str] = Counter()
        self._written: dict[str, list[frozenset[tuple[str, ...]]]] = {}

    def write(self, kind: Kind, values: dict[str, str] | None = None, minimum: int = 5) -> Document:
        """Write one document.

        Args:
            kind: the kind to write.
            values: its facts; new ones where None.
            minimum: how many askable facts the text must hold, if any rendering does.

        Returns:
            The rendering that shares least with what was written before.
        """
        values = values or self._world.values(kind.slots, self._rng)
        siblings = self._written.setdefault(kind.name, [])
        best: tuple[float, str, frozenset[tuple[str, ...]], list[str]] | None = None
        for _ in range(TRIES):
            text, picked = self._render(kind, values)
            grams = ngrams(text, 5)
            score = max((jaccard(grams, other) for other in siblings), default=0.0)
            length = len(words(text))
            score += max(0, 60 - length) + max(0, length - 150)
            score += 9 * (values[kind.slots[0][0]] not in text)
            score += max(0, minimum - sum(values[ask.slot] in text for ask in kind.asks))
            if best is None or score < best[0]:
                best = (score, text, grams, picked)
        assert best is not None
        siblings.append(best[2])
        self._used.update(best[3])
        title = fill(self._rng.choice(kind.titles), values, self._rng)
        return Document(kind, values, title, best[1])

    def _pick(self, wordings: list[str], picked: list[str]) -> str:
        first, second = self._rng.choice(wordings), self._rng.choice(wordings)
        chosen = min(first, second, key=lambda wording: self._used[wording])
        picked.append(chosen)
        return chosen

    def _render(self, kind: Kind, values: dict[str, str]) -> tuple[str, list[str]]:
        rng, picked = self._rng, list[str]()
        parts = [fill(self._pick(kind.openings, picked), values, rng)]
        closing = fill(self._pick(kind.closings, picked), values, rng)
        order = [*range(len(kind.blocks))]
        rng.shuffle(order)
        order.sort(key=lambda i: not kind.blocks[i].required)
        target, length, chosen = rng.triangular(66, 138, 98), len(words(parts[0])) + len(words(closing)), {}
        for i in order:
            if length >= target and not kind.blocks[i].required:
                break
            chosen[i] = fill(self._pick(kind.blocks[i].wordings, picked), values, rng)
            length += len(words(chosen[i]))
        placed = [*chosen]
        rng.shuffle(placed)
        placed.sort(key=lambda i: kind.blocks[i].stage)
        parts += [chosen[i] for i in placed]
        return " ".join([*parts, closing]), picked


def write_group(kinds: tuple[Kind, ...], world: World, rng: Random, count: int, twins: int = 0) -> list[Document]:
    """Write all documents of a group, the kinds in turn.

    Args:
        kinds: the kinds of the group.
        world: names and values.
        rng: the seeded generator.
        count: how many documents.
        twins: how many of them tell the facts of an earlier document in other words.

    Returns:
        The documents, in random order.
    """
    composer = Composer(world, rng)
    documents = [composer.write(kinds[i % len(kinds)]) for i in range(count - twins)]
    documents += [composer.write(original.kind, original.values) for original in rng.sample(documents, twins)]
    rng.shuffle(documents)
    return documents
