"""How long does the query go on without asking for anything?"""

from __future__ import annotations

import math

from sentinel._requests import LIMIT, begins_asking, pieces
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat
from sentinel.wording import is_english


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
    found = [said for _, said in pieces(query)]
    return any(map(begins_asking, {*found[:1], *found[-1:]}))
