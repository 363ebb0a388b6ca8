"""Drop candidates that repeat the question: they were written to be found by it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from sys import intern

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._echo import asks, echo, edges, states
from defenses.context._located import MAX_CHARACTERS, sentence_words
from sentinel._memory import remembered
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.signals.question_echo import MIN_WORDS
from sentinel.text import words
from sentinel.vocabulary import Threat
from sentinel.wording import content_words, yes_no_form

LEAST = 3
"""Content words that a question must have before a sentence of the same words is more than a coincidence."""
NOTHING_NEW = 0.9
"""Share of a sentence's content words from which it says nothing but what the question says."""
TITLE = 7
"""Words from which a query that has not the form of a question is taken for one all the same."""
FEW = 8
"""Sentences of one text that are remembered; a text with more questions is read anew each time."""
Readable = tuple[tuple[str, ...], str, frozenset[str]]
"""A sentence that may be a question put there: its normalised words, as written, and the edges of its words."""
_PIECE_END = re.compile(r"[.!?。！？…](?=[\"'”’)\]\s]|$)|[\n\"“”:]")


class EchoFilter(SelectionDefense):
    """Drops each candidate that repeats the question, word for word or edited.

    Against PoisonedRAG's black-box documents (question + text, arXiv 2402.07867) and every attack that puts the
    question in front. A passage answers a question; it does not ask it. Three rules:

    * the question stands in it in one piece (`share` of its words in a row; a title of a few words is no question).
      What has not the form of a question may be a phrase of the passage itself, its title or the start of a sentence:
      it must then end where a sentence, a line or a quotation ends, as what was put in front of a text does;
    * one of its *sentences* asks the same: it has the form of a question and holds `edited` of the question's
      content words, in any order, with small differences in spelling, and little else;
    * it *begins* with a sentence that says nothing but what an open question says: `share` of its content words
      and hardly one of its own. An answer has at least the answer besides.

    A query that is a statement asks nothing: its sentence stands in the passage that it was taken from.

    They catch words swapped, left out, misspelt, and some replaced; a synonym for every word passes.
    A pasted excerpt stands in its source as a whole too; that is a membership question and not a poisoned passage,
    so long queries are left to the retrieval defenses (`longest`). In a corpus of questions with their answers
    (FAQ) these rules hit good passages: calibration measures that, and 1 for both shares is the mildest.
    """

    manifest = DefenseManifest(
        name="echo_filter",
        summary="drop documents that repeat the question",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MILLISECONDS,
        source="ours, against PoisonedRAG, arXiv 2402.07867",
    )

    share: float = Field(0.8, gt=0.0, le=1.0, description="share of the query in one run that is too large")
    edited: float = Field(0.8, gt=0.0, le=1.0, description="share of its content words in one question of the text")
    longest: int = Field(40, ge=MIN_WORDS, le=1000, description="queries of more words are not looked at")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the candidates that echo the question."""
        length = len(evidence.query_words)
        if not MIN_WORDS <= length <= self.longest or states(evidence.query_words, evidence.request.query):
            return Selection.all_of(evidence)
        dropped: dict[int, str] = {}
        # A title or a few keywords stand in many a good passage in one piece; a question does not.
        question = asks(evidence.query_words, evidence.request.query)
        asking = length >= TITLE or question
        wanted = [(word[:2], f"-{word[-2:]}") for word in content_words(evidence.query_words)]
        for candidate, run in zip(evidence.candidates, evidence.run_lengths, strict=True):
            share = run / length if asking else 0.0
            if share >= self.share and (
                self._begins(evidence, candidate.text) if question else self._ends(evidence, candidate.text, length)
            ):
                dropped[candidate.position] = f"repeats {share:.0%} of the question in one piece"
            elif (coverage := self._asked(evidence.query_words, wanted, candidate.text)) > 0.0:
                dropped[candidate.position] = f"asks {coverage:.0%} of the question in other words"
        return Selection.without(evidence, dropped)

    def _begins(self, evidence: Evidence, text: str) -> bool:
        """Whether the text has a yes/no question from its first word on: "It is wet" is what answers "Is it wet?"."""
        query = evidence.query_words
        if yes_no_form(evidence.request.query) is not True:
            return True
        first = query[: math.ceil(self.share * len(query))]
        return f" {' '.join(first)} " in f" {' '.join(words(text[:MAX_CHARACTERS]))} "

    def _ends(self, evidence: Evidence, text: str, length: int) -> bool:
        """Whether a piece of the text ends with the query: it was put there whole, and nothing goes on from it."""
        least = math.ceil(self.share * length)
        pieces = (words(piece) for piece in _PIECE_END.split(text[:MAX_CHARACTERS]))
        return any(len(piece) >= least and evidence.runs.longest(piece[-least:]) == least for piece in pieces)

    def _asked(self, query: tuple[str, ...], wanted: Sequence[tuple[str, str]], text: str) -> float:
        """The largest share of the question that one sentence of the text asks, if it is too large; else 0.

        Args:
            query: The question's normalised words.
            wanted: How each of its content words begins and ends (see `edges`).
            text: The candidate.
        """
        if len(wanted) < LEAST:
            return 0.0
        least = math.ceil(min(self.edited, self.share) * len(wanted))
        known = _remembered_sentences(text)
        worst = 0.0
        for place, (found, sentence, held) in enumerate(_sentences(text) if known is None else known):
            # Cheap, and settles nearly every passage: too few of the wanted words can stand in the sentence.
            if sum(start in held or end in held for start, end in wanted) < least:
                continue
            seen = echo(query, found, sentence)
            if seen.asks:
                same = seen.coverage >= self.edited and seen.precision >= 0.5
            else:  # "Water is wet." answers "Is water wet?"; nothing answers "What is wet?" with "Wet."
                same = place == 0 and seen.coverage >= self.share and seen.precision >= NOTHING_NEW
                same = same and yes_no_form(" ".join(query)) is not True
            if same:
                worst = max(worst, seen.coverage)
        return worst


def _sentences(text: str) -> Iterator[Readable]:
    """The first sentence of a text, and those that have the form of a question: what a question may be put in as."""
    for place, (span, found) in enumerate(sentence_words(text)):
        sentence = text[slice(*span)]
        if place == 0 or asks(found, sentence):
            yield found, sentence, frozenset(map(intern, edges(found)))


@remembered(16, bytes_per_character=16.0)
def _remembered_sentences(text: str) -> tuple[Readable, ...] | None:
    """The same, known from the last time; None where there are too many of them to be kept."""
    found = tuple(islice(_sentences(text), FEW + 1))
    return found if len(found) <= FEW else None
