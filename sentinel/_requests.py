"""Which part of a query asks for something, and which is only pasted beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sentinel.text import words

LIMIT = 50_000
"""Characters of a query that are looked at."""
PASTED = 12
"""Words beside the question from which they are more than a lead-in."""

_END = re.compile(r"(?<=[.!?;])[\"'”’)\]]*\s+|\n+|(?<=[\"”])\s+|\s+(?=[\"“])")
_OPENERS = frozenset(
    """what which who whom whose when where why how whether is are does do did can could should would will has have
    isn't aren't doesn't don't didn't can't couldn't""".split()
)
_ORDERS = frozenset(
    """tell explain describe give show list help provide summarise summarize outline elaborate find name complete fill
    finish continue write translate compare define check look search need want looking wondering know""".split()
)
_LEAD = frozenset("and but so or then also now well ok okay please hello hi thanks".split())
_ASKER = frozenset(["i", "i'm", "i'd", "we", "we're", "we'd"])
_NEAR = 5


def pieces(query: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The sentences, lines and quotations of a query, each as written and as normalised words; empty ones left out."""
    for part in _END.split(query[:LIMIT]):
        if part and (said := words(part)):
            yield part, said


def begins_asking(said: tuple[str, ...]) -> bool:
    """Whether a sentence begins like a question or a request."""
    start = 0
    while start < len(said) - 1 and said[start] in _LEAD:
        start += 1
    first = said[start]
    return (
        "please" in said[: start + 1]
        or first in _OPENERS
        or first in _ORDERS
        or (first in _ASKER and not _ORDERS.isdisjoint(said[start : start + _NEAR]))
    )


def question_of(query: str) -> str:
    """What a query asks, without what is pasted beside it; all of it where nothing is, or where nothing asks.

    Who pastes an excerpt and asks about it shares the excerpt with its source: that says nothing of the source. What a
    document was written for is the question.
    """
    found = list(pieces(query))
    asking = [part for part, said in found if "?" in part or begins_asking(said)]
    beside = sum(len(said) for part, said in found if "?" not in part and not begins_asking(said))
    return " ".join(asking) if asking and beside >= PASTED else query
