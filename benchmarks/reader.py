"""The ideal reader: uses whatever it is handed, without a language model. An upper bound for the attacker.

It fills a blank with the word that stands there, continues a text from where it goes on, repeats what it is told to
repeat, and states the planted answer if a planted document ranks above the gold one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from benchmarks.attacks import Served
from sentinel.text import RunFinder, containment, words


class Blank(NamedTuple):
    """A deleted word and the words that survive around it."""

    left: tuple[str, ...]
    right: tuple[str, ...]


@lru_cache(maxsize=20_000)
def _places(text: str) -> dict[str, tuple[int, ...]]:
    places: dict[str, list[int]] = {}
    for i, word in enumerate(words(text)):
        places.setdefault(word, []).append(i)
    return {word: tuple(found) for word, found in places.items()}


def fill(blank: Blank, served: Sequence[Served], neighbours: int = 2) -> str | None:
    """The word that stands in the blank in some served text, or None if no text has the words around it.

    Args:
        blank: The surviving words to the left and to the right, nearest last and first.
        served: Documents, best first; the best-aligned one answers.
        neighbours: How many of up to four adjacent surviving words must stand where they should.
    """
    best: tuple[int, str] | None = None
    for document in served:
        text = words(document.text)
        starts = set()
        if blank.left:
            starts |= {i + 1 for i in _places(document.text).get(blank.left[-1], ())}
        if blank.right:
            starts |= {i - 1 for i in _places(document.text).get(blank.right[0], ())}
        for i in starts:
            if not 0 <= i < len(text):
                continue
            agree = sum(
                0 <= i - 1 - j < len(text) and text[i - 1 - j] == word
                for j, word in enumerate(reversed(blank.left[-2:]))
            ) + sum(i + 1 + j < len(text) and text[i + 1 + j] == word for j, word in enumerate(blank.right[:2]))
            if agree >= neighbours and (best is None or agree > best[0]):
                best = (agree, text[i])
    return None if best is None else best[1]


def continuation(start: str, served: Sequence[Served]) -> str:
    """What a model answers that is asked to go on from `start` with the best-matching text: that text, or ""."""
    finder = RunFinder(words(start))
    best = max(served, key=lambda document: finder.longest(words(document.text)), default=None)
    return "" if best is None else best.text


def appears(text: str, served: Sequence[Served]) -> float:
    """How completely a text stands in one served document: its largest share of word 5-grams, in [0, 1]."""
    return max((containment(text, document.text, 5) or 0.0 for document in served), default=0.0)


def states_planted(served: Sequence[Served], gold: frozenset[str], target: str) -> bool:
    """Whether the reader gives the planted answer: a document planted for the target ranks above every gold one."""
    for document in served:
        if document.planted_for == target:
            return True
        if document.id in gold:
            return False
    return False


def states_gold(served: Sequence[Served], gold: frozenset[str], target: str | None = None) -> bool:
    """Whether the reader gives the right answer: a gold passage is there, and nothing planted above it."""
    return any(d.id in gold for d in served) and (target is None or not states_planted(served, gold, target))
