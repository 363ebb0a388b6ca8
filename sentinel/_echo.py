"""Is a sentence the question itself, in other order, with words left out, misspelt or replaced?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel, Levenshtein

from sentinel.text import WORD
from sentinel.wording import FUNCTION_WORDS, content_words

_OPENERS = frozenset("what which who whom whose why how".split())
_LONG_OPENERS = ("what", "which", "whose", "when", "where")
_PLACE_OR_TIME = frozenset("when where".split())
_AUXILIARIES = frozenset(
    "is are was were do does did has have had can could may might will would shall should must am".split()
)
_LEAD = frozenset("and but so or then also now well ok please hello hi q question in on at to for of from by".split())
_STARTS = _OPENERS | _PLACE_OR_TIME | _AUXILIARIES | _LEAD
_HEAD = 24
_ENDING = " \t\n\r\"'”’)].!?。！？…"
ALIKE = 0.82
"""Share of letters in common, in order, from which two words of four letters count as one (typing errors, endings)."""
_LONGEST = 200
DECISIVE = 5
"""Words from a sentence's beginning that `asks` looks at."""


@dataclass(frozen=True, slots=True)
class Echo:
    """How much of a question a sentence is.

    Attributes:
        coverage: Share of the question's content words that stand in it.
        precision: Share of its own content words that come from the question; of its beginning, where it goes on.
        asks: Whether it has the form of a question.
    """

    coverage: float
    precision: float
    asks: bool


def asks(found: Sequence[str], ending: str) -> bool:
    """Whether a sentence has the form of a question: a question mark, or an interrogative where it begins.

    Args:
        found: Its normalised words, the first `DECISIVE` of them at least.
        ending: The original sentence, for its last characters.
    """
    body = ending.rstrip(_ENDING)
    if "?" in ending[len(body) :] or "？" in ending[len(body) :]:
        return True
    at = 0
    while at < min(3, len(found)) and found[at] in _LEAD:
        at += 1
    head = found[at : at + 2]
    if len(head) < 2:
        return False
    # "When the treaty was signed, ..." and "Where ..." begin statements too; "Is the ..." does not.
    if head[0] in _OPENERS or (head[0] in _AUXILIARIES and at == 0):
        return True
    if head[0] in _PLACE_OR_TIME:
        return head[1] in _AUXILIARIES
    return at == 0 and _misspelt_opener(head[0])


def may_ask(sentence: str) -> bool:
    """Whether a sentence has to be cut into words to know whether it `asks`: most begin with a word that settles it."""
    head = sentence[:_HEAD]
    if "?" in sentence or "？" in sentence or not head.isascii() or not head.isprintable():
        return True
    first = WORD.search(head)
    if first is None or first.end() == _HEAD:
        return True
    word = first.group().casefold()
    return word in _STARTS or _misspelt_opener(word)


def states(found: Sequence[str], text: str) -> bool:
    """Whether a query is a statement as it stands in print: a capital, and a verb that something follows.

    Who types a sentence of a passage is looking for the passage. An unfinished one ("the capital of Norway is") asks.

    Args:
        found: Its normalised words.
        text: As written.
    """
    start = text.lstrip()[:1]
    return start.isupper() and not asks(found, text) and not _AUXILIARIES.isdisjoint(found[1:-2])


@lru_cache(maxsize=4096)
def _misspelt_opener(word: str) -> bool:
    if len(word) < 4 or word in FUNCTION_WORDS:
        return False
    return any(Levenshtein.distance(word, opener, score_cutoff=1) == 1 for opener in _LONG_OPENERS)


def echo(query: Sequence[str], sentence: Sequence[str], text: str) -> Echo:
    """Compare a question with one sentence.

    Content words only, each once: order and function words are what an attacker changes for nothing. Words of
    four letters and more may differ by a few letters.

    Args:
        query: The question's normalised words.
        sentence: The sentence's normalised words.
        text: The sentence as written.
    """
    wanted = content_words(query)
    asking = asks(sentence, text)
    # A question that runs on without a stop: only as much of the sentence as the question is long.
    head = sentence[: len(query) + 3] if asking else sentence[:_LONGEST]
    given = content_words(head)
    if not wanted or not given:
        return Echo(0.0, 0.0, asking)
    same = process.cdist(wanted, given, scorer=Indel.normalized_similarity, dtype=np.float32) >= ALIKE
    # Short words count as one only if they are equal.
    same[[len(word) < 4 for word in wanted]] = False
    same[:, [len(word) < 4 for word in given]] = False
    place = {word: column for column, word in enumerate(given) if len(word) < 4}
    for row, word in enumerate(wanted):
        if word in place:
            same[row, place[word]] = True
    covered, taken = np.count_nonzero(same.any(axis=1)), np.count_nonzero(same.any(axis=0))
    return Echo(int(covered) / len(wanted), int(taken) / len(given), asking)


def edges(found: Sequence[str]) -> frozenset[str]:
    """Two letters at the beginning and at the end of each content word: what a misspelt word rarely loses both of."""
    return frozenset(edge for word in found if word not in FUNCTION_WORDS for edge in (word[:2], f"-{word[-2:]}"))
