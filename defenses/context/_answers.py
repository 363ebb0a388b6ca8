"""What a passage answers, without a model: the phrase of the wanted kind nearest to the question's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentinel._located import located, sentence_words
from sentinel.wording import FUNCTION_WORDS, content_words, yes_no_form

_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
    )
} | {"twenty": "20", "thirty": "30", "fifty": "50", "hundred": "100", "thousand": "1000"}
_FIGURE = re.compile(r"\d[\d,.]*")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_MONTHS = frozenset("january february march april may june july august september october november december".split())
_NEGATIONS = frozenset(
    "not no never none neither nor cannot can't don't doesn't didn't isn't aren't wasn't weren't won't without".split()
)


class Kind(StrEnum):
    """What sort of phrase answers a question."""

    NAME = "name"
    NUMBER = "number"
    DATE = "date"
    POLARITY = "polarity"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one passage says.

    Attributes:
        kind: The sort of phrase.
        terms: Its normalised words: a name's parts, one number, a date's parts, or "yes" or "no".
    """

    kind: Kind
    terms: frozenset[str]


def kind_of(query: Sequence[str]) -> Kind | None:
    """The sort of phrase that a question asks for; None where only a clause could answer it."""
    found = set(query)
    text = f" {' '.join(query)} "
    if yes_no_form(text) is True:
        return Kind.POLARITY
    if re.search(r" how (?:many|much|long|old|far|tall|high|big|large|fast|deep|heavy|often) ", text):
        return Kind.NUMBER
    if re.search(r" (?:when|(?:what|which) (?:year|date|day|month)|date|year) ", text):
        return Kind.DATE
    if found & {"who", "whom", "whose", "where"}:
        return Kind.NAME
    if re.search(r" (?:number|percentage|amount|population|price|cost) of ", text):
        return Kind.NUMBER
    return Kind.NAME if found & {"which", "what"} and not found & {"why", "how", "mean", "means", "meaning"} else None


def answer(query: tuple[str, ...], text: str, least: float = 0.5) -> Answer | None:
    """What a passage answers to a question.

    Of the sentences that hold at least `least` of the question's content words, the one with the most (the first of
    equals); in it, the phrase of the right kind, none of it from the question, that stands nearest to those words.

    Returns:
        None where the question wants a clause, no sentence is about it, or none has such a phrase: "I don't know".
    """
    return _answer(query, text, least)


@lru_cache(maxsize=4096)
def _answer(query: tuple[str, ...], text: str, least: float) -> Answer | None:
    kind, wanted = kind_of(query), frozenset(content_words(query))
    if kind is None or not wanted:
        return None
    found, spans = located(text)
    best: tuple[float, int, int] | None = None
    at = 0
    for _, sentence in sentence_words(text):
        coverage = len(wanted & set(sentence)) / len(wanted)
        if coverage >= least and (best is None or coverage > best[0]):
            best = (coverage, at, at + len(sentence))
        at += len(sentence)
    if best is None:
        return None
    first, last = best[1], best[2]
    sentence = found[first:last]
    if kind is Kind.POLARITY:
        return Answer(kind, frozenset({"no" if _NEGATIONS & set(sentence) else "yes"}))
    near = [i for i, word in enumerate(sentence) if word in wanted]
    phrases = _phrases(kind, sentence, [text[slice(*span)] for span in spans[first:last]], frozenset(query))
    if not phrases:
        return None
    return Answer(kind, min(phrases, key=lambda p: (min(abs(p[0] - i) for i in near), p[0]))[1])


def _phrases(
    kind: Kind, sentence: Sequence[str], written: Sequence[str], asked: frozenset[str]
) -> list[tuple[int, frozenset[str]]]:
    """Phrases of a kind that do not stand in the question, each with the place of its first word."""
    found: list[tuple[int, frozenset[str]]] = []
    if kind is Kind.NAME:
        at = 0
        while at < len(sentence):
            start = at
            while at < len(sentence) and written[at][:1].isupper() and sentence[at] not in FUNCTION_WORDS:
                at += 1
            terms = frozenset(word for word in sentence[start:at] if word not in asked and len(word) > 1)
            if terms and not (start == 0 and at == 1):  # every sentence begins with a capital
                found.append((start, terms))
            at = max(at, start + 1)
        return found
    for i, word in enumerate(sentence):
        if kind is Kind.DATE:
            if _YEAR.fullmatch(word) and word not in asked:
                around = {w for w in sentence[max(0, i - 3) : i] if w in _MONTHS or (w.isdigit() and int(w) < 32)}
                found.append((i, frozenset({word} | around)))
        elif word not in asked and (word in _NUMBERS or _FIGURE.fullmatch(word)):
            found.append((i, frozenset({_NUMBERS.get(word, word)})))
    return found


def contradict(left: Answer | None, right: Answer | None) -> bool:
    """Whether two answers cannot both be right.

    Names that share a word are one ("Ford", "Doug Ford"), dates agree if one says no more than the other ("1999",
    "5 May 1999"), numbers and yes or no must be equal. Who does not know contradicts nobody.
    """
    if left is None or right is None or left.kind is not right.kind:
        return False
    if left.kind is Kind.DATE:
        return not (left.terms <= right.terms or right.terms <= left.terms)
    return not left.terms & right.terms


def contradictions(answers: Sequence[Answer | None]) -> NDArray[np.bool_]:
    """Which answers contradict which, shape (n, n), symmetric."""
    edges = np.zeros((len(answers), len(answers)), dtype=bool)
    known = [i for i, found in enumerate(answers) if found is not None]
    for place, i in enumerate(known):
        for j in known[place + 1 :]:
            edges[i, j] = edges[j, i] = contradict(answers[i], answers[j])
    return edges
