"""Which candidates ask the question themselves, word for word or edited: they were written to be found by it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from sys import intern

from sentinel._echo import DECISIVE, asks, echo, edges, may_ask, states
from sentinel._located import MAX_CHARACTERS, first_words, sentences, words_within
from sentinel._memory import remembered
from sentinel.evidence import Evidence
from sentinel.text import words
from sentinel.wording import content_words, yes_no_form

MIN_WORDS = 4
"""Shorter queries are names and keywords, which any good passage repeats."""
LEAST = 3
"""Content words that a question must have before a sentence of the same words is more than a coincidence."""
NOTHING_NEW = 0.9
"""Share of a sentence's content words from which it says nothing but what the question says."""
TITLE = 7
"""Words from which a query that has not the form of a question is taken for one all the same."""
PHRASE = 25
"""Words up to which it is: beyond, it is a piece of somebody's text."""
FEW = 8
"""Sentences of one text that are remembered; a text with more questions is read anew each time."""
Readable = tuple[tuple[str, ...], str, frozenset[str]]
"""A sentence that may be a question put there: its normalised words, as written, and the edges of its words."""
_PIECE_END = re.compile(r"[.!?。！？…](?=[\"'”’)\]\s]|$)|[\n\"“”:]")


def put_in(evidence: Evidence, share: float) -> list[float]:
    """For each candidate the share of the question that was put into it in one piece; 0 below `share`.

    A yes/no question must stand from its first word on: "It is wet" is what answers "Is it wet?". What has not the form
    of a question may be a phrase of the passage itself, its title or the start of a sentence: it must end where a
    sentence, a line or a quotation ends, as what was put in front of a text does. A title of a few words is no
    question, and a statement asks nothing: its sentence stands in the passage that it was taken from.
    """
    query, text = evidence.question_words, evidence.question
    length, question = len(query), asks(query, text)
    found = [0.0] * len(evidence.candidates)
    if length < MIN_WORDS or states(query, text) or not (question or TITLE <= length <= PHRASE):
        return found
    for i, run in enumerate(evidence.question_run_lengths):
        if run / length >= share:
            whole = (_begins if question else _ends)(evidence, evidence.texts[i], math.ceil(share * length))
            found[i] = run / length if whole else 0.0
    return found


def asked(evidence: Evidence, share: float, edited: float) -> list[float]:
    """For each candidate the largest share of the question's content words that one sentence of it asks.

    Args:
        evidence: The request and its candidates.
        share: Share of them that a first sentence without the form of a question must hold, and nothing new.
        edited: Share of them that a sentence with the form of a question must hold; 0 is said below it.
    """
    query = evidence.question_words
    wanted = [(word[:2], f"-{word[-2:]}") for word in content_words(query)]
    if len(query) < MIN_WORDS or len(wanted) < LEAST or states(query, evidence.question):
        return [0.0] * len(evidence.candidates)
    held = Counter(edge for word in wanted for edge in word)
    among = (frozenset(held), max(held.values()))
    return [_asked(query, wanted, among, text, share, edited) for text in evidence.texts]


def _begins(evidence: Evidence, text: str, least: int) -> bool:
    if yes_no_form(evidence.question) is not True:
        return True
    return f" {' '.join(evidence.question_words[:least])} " in f" {' '.join(words(text[:MAX_CHARACTERS]))} "


def _ends(evidence: Evidence, text: str, least: int) -> bool:
    """Whether a piece of the text ends with the query: it was put there whole, and nothing goes on from it."""
    pieces = (words(piece) for piece in _PIECE_END.split(text[:MAX_CHARACTERS]))
    return any(len(piece) >= least and evidence.question_runs.longest(piece[-least:]) == least for piece in pieces)


def _asked(
    query: tuple[str, ...],
    wanted: Sequence[tuple[str, str]],
    among: tuple[frozenset[str], int],
    text: str,
    share: float,
    edited: float,
) -> float:
    """See `asked`, for one text.

    Args:
        query: The question's words.
        wanted: How each of its content words begins and ends (see `edges`).
        among: These edges, and how many words share one of them at most.
        text: Of the candidate.
        share: See `asked`.
        edited: See `asked`.
    """
    ends, most = among
    least = math.ceil(min(edited, share) * len(wanted))
    known = _remembered_sentences(text)
    worst = 0.0
    for place, (found, sentence, held) in enumerate(_sentences(text) if known is None else known):
        # Cheap, and settles nearly every passage: too few of the wanted words can stand in the sentence.
        if len(ends & held) * most < least:
            continue
        if sum(start in held or end in held for start, end in wanted) < least:
            continue
        seen = echo(query, found, sentence)
        if seen.asks:
            # "Why is there such a rule?" is no other wording of "What does the rule say?".
            same = seen.coverage >= edited and seen.precision >= 0.5 and ("why" not in found[:2] or "why" in query)
        else:  # "Water is wet." answers "Is water wet?"; nothing answers "What is wet?" with "Wet."
            same = place == 0 and seen.coverage >= share and seen.precision >= NOTHING_NEW
            same = same and yes_no_form(" ".join(query)) is not True
        if same:
            worst = max(worst, seen.coverage)
    return worst


def _sentences(text: str) -> Iterator[Readable]:
    """The first sentence of a text, and those that have the form of a question: what a question may be put in as."""
    for place, span in enumerate(sentences(text)):
        sentence = text[slice(*span)]
        if place == 0 or (may_ask(sentence) and asks(first_words(text, span, DECISIVE), sentence)):
            found = words_within(text, span)
            yield found, sentence, frozenset(map(intern, edges(found)))


@remembered(16, bytes_per_character=16.0)
def _remembered_sentences(text: str) -> tuple[Readable, ...] | None:
    """The same, known from the last time; None where there are too many of them to be kept."""
    found = tuple(islice(_sentences(text), FEW + 1))
    return found if len(found) <= FEW else None
