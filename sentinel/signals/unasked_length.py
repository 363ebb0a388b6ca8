"""How long does the query go on without asking for anything?"""

from __future__ import annotations

import math
import re

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.text import words
from sentinel.vocabulary import Threat
from sentinel.wording import is_english

LIMIT = 50_000

_END = re.compile(r"(?<=[.!?;])[\"'”’)\]]*\s+|\n+|(?<=[\"”])\s+")
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


class UnaskedLength(Signal):
    """log2(1 + words) of a query that holds no question and no request; 0 for one that asks.

    Who has something to ask says so, however much he pastes around it. A cloze without a mark (MBA, arXiv 2410.20142,
    without its instruction) cannot: an instruction would be the mark. Titles and keywords ask for nothing either, but
    are short. A question mark anywhere, or a first or last sentence that begins like a question or a request, asks.
    """

    manifest = SignalManifest(
        name="unasked_length",
        summary="length of a query that asks for nothing",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        source="ours, against MBA, arXiv 2410.20142, without markers",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Bits, at least 0; None in other languages than English."""
        asked = asks(evidence)
        return None if asked is None else 0.0 if asked else math.log2(1 + len(evidence.query_words))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how long it is."""
        return f"the query has {2 ** peak(measurement) - 1:.0f} words and asks for nothing"


def asks(evidence: Evidence) -> bool | None:
    """Whether a query holds a question or a request; None where that cannot be said: in other languages than English.

    A question mark anywhere, or a first or last sentence that begins like a question or a request.
    """
    query = evidence.request.query[:LIMIT]
    if "?" in query:
        return True
    if not is_english(evidence.query_words):
        return None
    sentences = [said for part in _END.split(query) if part and (said := words(part))]
    return any(map(_asks, {*sentences[:1], *sentences[-1:]}))


def _asks(said: tuple[str, ...]) -> bool:
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
