"""What an answer says: the short answer that stands in it, a yes or no, or that it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sentinel.text import normalise

SHORT = 6
"""Words of an answer that is short enough to be looked for in another."""
_ARTICLES = frozenset({"a", "an", "the"})
_BEFORE = frozenset(
    "about after around as at before between by during for from in inside into it is its near of on since "
    "through to under until was were with within".split()
)
"""Words that a short answer may begin with and a longer one may not repeat."""
_DIGITS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_WORD = re.compile(r"\w+", re.UNICODE)
_IN_NUMBER = re.compile(r"(?<=\d)[,\u2019'](?=\d)")
_DECIDED = ("yes", "no", "maybe")
_REFUSALS = tuple(
    " ".join(phrase.split())
    for phrase in (
        "could not find an answer",
        "cannot be answered",
        "can not be answered",
        "can t answer",
        "cannot answer",
        "unable to answer",
        "unable to provide",
        "not able to provide",
        "cannot provide",
        "can t provide",
        "cannot help with",
        "can t help with",
        "cannot assist",
        "can t assist",
        "do not know",
        "don t know",
        "not have enough information",
        "not enough information",
        "not provide enough information",
        "not contain enough information",
        "does not contain information",
        "do not contain information",
        "do not contain the answer",
        "does not contain the answer",
        "too little to go on",
        "nothing certain can be said",
        "no reliable answer",
        "no reply is given",
        "no answer can be given",
        "must decline",
        "have to decline",
        "refuse to answer",
        "returned unanswered",
        "may not be discussed",
        "not mentioned in the documents",
        "not specified in the documents",
        "i am sorry",
        "i m sorry",
        "i apologize",
        "i apologise",
    )
)


def tokens(text: str) -> tuple[str, ...]:
    """Words without case, punctuation and articles, as question answering is scored (SQuAD); numbers in digits."""
    found = _WORD.findall(_IN_NUMBER.sub("", normalise(text).casefold()))
    return tuple(_DIGITS.get(word, word) for word in found if word not in _ARTICLES)


def states(answer: str, gold: str) -> bool:
    """Whether a short answer stands in a longer one, word for word; a yes or no must be what it begins with.

    Words that lead up to the short answer ("in", "from the") need not be repeated.
    """
    wanted = tokens(gold)
    if len(wanted) == 1 and wanted[0] in _DECIDED:
        return decided(answer) == wanted[0]
    while len(wanted) > 1 and wanted[0] in _BEFORE:
        wanted = wanted[1:]
    return bool(wanted) and _stands(wanted, tokens(answer))


def shorts(*answers: str | None) -> tuple[str, ...]:
    """Those forms of an answer that are short enough to be looked for; any of them will do."""
    return tuple(dict.fromkeys(found for answer in answers if (found := short(answer)) is not None))


def short(*answers: str | None) -> str | None:
    """The first of some forms of an answer that is short enough to be looked for; None if none is."""
    for answer in answers:
        if answer and (found := tokens(answer)):
            if len(found) <= SHORT:
                return answer
            if found[0] in ("yes", "no"):
                return found[0]
    return None


def decided(answer: str) -> str | None:
    """The yes, no or maybe that an answer begins with; of a longer one, the only one in its first dozen words."""
    found = tokens(answer)
    if found and found[0] in _DECIDED:
        return found[0]
    some = {word for word in found[:12] if word in _DECIDED}
    return some.pop() if len(some) == 1 else None


def refuses(answer: str, also: Iterable[str] = ()) -> bool:
    """Whether an answer says that it gives none.

    Args:
        answer: The answer.
        also: Sentences that stand for a refusal besides the usual ones, such as a template's `not_found`.
    """
    said = _WORD.findall(normalise(answer).casefold())
    text = f" {' '.join(said)} "
    phrases = (*_REFUSALS, *(" ".join(_WORD.findall(normalise(one).casefold())) for one in also))
    return not said or any(f" {phrase} " in text for phrase in phrases if phrase)


def _stands(wanted: tuple[str, ...], found: tuple[str, ...]) -> bool:
    size = len(wanted)
    return any(found[i : i + size] == wanted for i in range(len(found) - size + 1))
