"""What an answer says, as a set of words and short phrases that answers can be counted by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from sentinel.text import words
from sentinel.wording import FUNCTION_WORDS, content_words

LONGEST = 4
"""Words in a phrase; longer runs are worded too freely for two answers to share them."""
WORDS_READ = 400
"""Of an answer; one that goes on is cut here."""
_BREAK = re.compile(r"""[.,;:!?]+(?=\s|$)|[()\[\]{}"“”\n]""")


def keywords(answer: str, question: str, limit: int) -> tuple[str, ...]:
    """The first content words of an answer that the question does not hold; each once, in order.

    Args:
        answer: What a model wrote.
        question: Its words are known to who asked, and say nothing of what was found.
        limit: How many words at most.
    """
    known = frozenset(words(question))
    return tuple(word for word in content_words(words(answer)[:WORDS_READ]) if word not in known)[:limit]


def keyphrases(answer: str, question: str) -> frozenset[str]:
    """Content words of an answer that the question does not hold, and the runs of two to four of them.

    A run ends at function words and punctuation; one that says no more than the question is left out. Without a
    tagger: the published form takes noun phrases and lemmas.
    """
    known = frozenset(words(question))
    found: set[str] = set()
    read = 0
    for piece in _BREAK.split(answer):
        taken = words(piece)[: WORDS_READ - read]
        read += len(taken)
        for carries, group in groupby(taken, key=lambda word: word not in FUNCTION_WORDS):
            run = list(group)
            if not carries:
                continue
            found.update(word for word in run if word not in known and (len(word) > 1 or word.isdigit()))
            if 1 < len(run) <= LONGEST and not known.issuperset(run):
                found.add(" ".join(run))
    return frozenset(found)


def longest_only(phrases: Iterable[str]) -> list[str]:
    """Phrases that stand in no other one, sorted: "paris" goes where "paris texas" is."""
    given = sorted(set(phrases))
    return [one for one in given if not any(one != other and f" {one} " in f" {other} " for other in given)]


def same_answer(left: str, right: str, question: str) -> bool:
    """Whether two answers can both be right, by their words.

    Yes and no differ. Else half of the shorter one's content words must stand in the other: "Paris" and "in Paris,
    France" agree, "1998" and "1999" do not. Words of the question count only where an answer has no others. An
    answer without content words contradicts nothing.
    """
    one, other = words(left), words(right)
    poles = [{"yes", "no"} & set(found[:1]) for found in (one, other)]
    if poles[0] and poles[1]:
        return poles[0] == poles[1]
    known = frozenset(words(question))
    mine, theirs = _said(one, known), _said(other, known)
    return not mine or not theirs or 2 * len(mine & theirs) >= min(len(mine), len(theirs))


def _said(answer: Sequence[str], known: frozenset[str]) -> frozenset[str]:
    content = frozenset(content_words(answer[:WORDS_READ]))
    return content - known or content
