"""Is the query written like a document rather than like a question or a request?"""

from __future__ import annotations

import re

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.signals.unasked_length import asks
from sentinel.text import words
from sentinel.vocabulary import Threat
from sentinel.wording import is_english

MIN_WORDS = 8
"""Fewer words have no form to speak of."""

_END = re.compile(r"[.!?。！？](?=\s|[\"'”’)\]]|$)|\n")
_QUESTION = frozenset("what which who whom whose when where why how is are does do did can could should".split())
_PERSON = frozenset("i me my mine you your yours we us our please".split())
_PAST = frozenset("was were had been did became began found made gave took said showed led".split())
_THIRD = frozenset("he she they his her their its it him them the this these".split())


class DocumentForm(Signal):
    """Share of a query's words that stand in declarative, impersonal sentences, times how long they go on.

    A sentence is declarative if it ends in no question mark, begins with no question word and speaks to or of
    nobody present (no "I", "you", "please"); past tense and third person count for it. A cloze without a marker and
    the pasted half of a record (S2MIA) are such texts; a question with one sentence of background is not, nor is an
    excerpt with a question to it: a query that asks for something is no document (see `unasked_length`).
    """

    manifest = SignalManifest(
        name="document_form",
        summary="share of the query that reads like a document",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1], 0 for a query that asks; None below eight words, and in other languages than English."""
        found = evidence.query_words
        if len(found) < MIN_WORDS or not is_english(found):
            return None
        if asks(evidence):
            return 0.0
        text = evidence.request.query[:50_000]
        declarative = total = 0.0
        start = 0
        for end in [*(m.end() for m in _END.finditer(text)), len(text)]:
            sentence, start = text[start:end], end
            said = words(sentence)
            total += len(said)
            declarative += len(said) * _declarative(sentence, said)
        return declarative / total * min(1.0, declarative / 30) if total else None

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that it reads like a document."""
        return f"the query reads like a piece of a document ({peak(measurement):.0%})"


def _declarative(sentence: str, said: tuple[str, ...]) -> float:
    if len(said) < 5 or sentence.rstrip(" \n\"'”’)]").endswith("?") or said[0] in _QUESTION:
        return 0.0
    held = set(said)
    if held & _PERSON:
        return 0.0
    past = bool(held & _PAST) or any(len(w) > 4 and w.endswith("ed") for w in said)
    return 0.5 + 0.25 * past + 0.25 * bool(held & _THIRD)
