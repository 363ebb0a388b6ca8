"""Text as signals see it: normalised first, then cut into words; both cached, both linear in the input.

Attackers write the same words in other characters (Cyrillic letters, full-width forms, zero-width joiners), so
every text signal works on the normalised form. Signals that look for such tricks read the original text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from sys import intern

from sentinel._memory import remembered

MAX_TEXT_CHARACTERS = 200_000
"""Text beyond this is not looked at: no passage is that long, and work per request stays bounded."""

# Vowel signs and the like (Devanagari, Thai, Arabic, ...) are marks to Unicode and part of the word to a reader.
_MARK = "".join(map(chr, (c for c in range(0x483, 0x1B00) if unicodedata.category(chr(c))[0] == "M")))
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
"""A word where spaces part them: letters and figures, with an apostrophe amid them."""
_MARKED_WORD = re.compile(rf"(?:[^\W_]|[{_MARK}])+(?:['’](?:[^\W_]|[{_MARK}])+)?")
_HAS_MARK = re.compile(rf"[{_MARK}]")
# Chinese and Japanese are written without spaces: each character counts as a word, and runs of them as n-grams.
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])")
_ACCENT = re.compile(r"[\u0300-\u036f]+")
_LATIN = re.compile(r"[a-zA-Z]")
_CONFUSABLE = str.maketrans(
    # Cyrillic, then Greek letters that a reader takes for Latin ones (Unicode TR 39, single letters).
    "аеорсухіјѕһԁԛԝкАЕОРСУХІЈЅНВКМТҺԀԚԜοανιρτυκΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijshdqwkAEOPCYXIJSHBKMTHDQWoaviptuk" + "ABEZHIKMNOPTYX",
)
_LOOK_ALIKES = frozenset(map(chr, _CONFUSABLE))
_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))
_FEW = 12
"""Different characters up to which replacing one after another is cheaper than going through the whole text."""
_IGNORABLE = frozenset(
    # Default-ignorable code points that are letters or marks: Unicode, DerivedCoreProperties.
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0))
) | frozenset(map(chr, range(0xE0100, 0xE01F0)))


def _unmasked(text: str) -> str:
    """Look-alikes turned back in words that mix scripts; in a mostly Latin text also in words made of them alone."""
    latin = len(_LATIN.findall(text))
    foreign = sum(c.isalpha() and not c.isascii() and c not in _LOOK_ALIKES for c in text)
    alike = sum(c in _LOOK_ALIKES for c in text)
    disguised = latin > 2 * (foreign + alike)

    def turn(word: re.Match[str]) -> str:
        found = word.group()
        if _LATIN.search(found) or (disguised and _LOOK_ALIKES.issuperset(found)):
            return found.translate(_CONFUSABLE)
        return found  # a Russian or a Greek word

    return WORD.sub(turn, text)


@lru_cache(maxsize=4096)
def _invisible(character: str) -> bool:
    # Line and page breaks are control characters too, but they part words.
    return not character.isspace() and (unicodedata.category(character) in ("Cf", "Cc") or character in _IGNORABLE)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    hidden = {ord(c): None for c in filter(_invisible, set(text))}
    return text.translate(hidden) if hidden else text


@remembered(4)
def normalise(text: str) -> str:
    """Bring text to one form: NFKC, no invisible characters, mixed-script look-alikes undone, case folded.

    Args:
        text: Any text; only the first `MAX_TEXT_CHARACTERS` characters are kept.
    """
    text = text[:MAX_TEXT_CHARACTERS]
    if text.isascii() and text.isprintable():
        return text.casefold()
    # A dash, a curly quotation mark or an accent in otherwise plain text: each becomes what it becomes by itself.
    others = set(text).difference(_PRINTABLE)
    if len(others) <= _FEW:
        forms = [(character, _alone(character)) for character in others]
        if all(form is not None for _, form in forms):
            for character, form in forms:
                if form != character:
                    text = text.replace(character, form or "")
            return text.casefold()[:MAX_TEXT_CHARACTERS]
    return _normalise(text)


def _normalise(text: str) -> str:
    """`normalise` of any text that is not too long, character by character and with what stands between them."""
    text = _visible(text)
    if text.isascii():
        return text.casefold()
    for _ in range(4):  # case folding can take letters apart again: a second round settles, almost always at once
        composed = unicodedata.normalize("NFKC", text).replace("’", "'").replace("ʼ", "'")
        if not _LOOK_ALIKES.isdisjoint(composed):
            composed = _unmasked(composed)
        composed = _ACCENT.sub("", composed)  # what composes with nothing was heaped up to hide the word
        folded = _visible(composed.casefold())[:MAX_TEXT_CHARACTERS]  # one character may become eighteen
        if folded == text:
            break
        text = folded
    return text


@lru_cache(maxsize=4096)
def _alone(character: str) -> str | None:
    """What a character becomes whatever stands beside it; None where that depends on its neighbours.

    Marks and Hangul vowels and finals compose with what stands before them, and a look-alike is judged by its word.
    Those aside, neither NFKC (Unicode Annex 15) nor case folding looks at more than one character.
    """
    steps = (character, unicodedata.normalize("NFKC", character), unicodedata.normalize("NFKC", character.casefold()))
    form = _normalise(character)
    for one in "".join((*steps, form)):
        if one in _LOOK_ALIKES or unicodedata.category(one)[0] == "M" or 0x1100 <= ord(one) < 0x1200:
            return None
    return form


@remembered(32, bytes_per_character=12.0)
def words(text: str) -> tuple[str, ...]:
    """The words of a text after normalisation, in order; in Chinese and Japanese, its characters."""
    text = normalise(text)
    # One object for all occurrences of a word: a word costs a pointer, and finding it in a table no comparison.
    if cut_by_spaces(text):
        return tuple(map(intern, WORD.findall(text)))
    text = _UNSPACED.sub(r" \1 ", text)
    return tuple(map(intern, (_MARKED_WORD if _HAS_MARK.search(text) else WORD).findall(text)))


def cut_by_spaces(text: str) -> bool:
    """Whether the words of a normalised text are its runs of letters and figures, as in English.

    Not where marks are part of words, nor in Chinese and Japanese.
    """
    return text.isascii() or not any(map(_cut_apart, set(text).difference(_PRINTABLE)))


@lru_cache(maxsize=4096)
def _cut_apart(character: str) -> bool:
    return bool(_HAS_MARK.match(character) or _UNSPACED.match(character))


def word_ngrams(text: str, n: int) -> frozenset[tuple[str, ...]]:
    """The distinct runs of `n` words in a text; empty if the text has fewer words."""
    tokens = words(text)
    return frozenset(zip(*(tokens[i:] for i in range(n)), strict=False))


def containment(query: str, text: str, n: int = 3) -> float | None:
    """Share of the query's distinct word n-grams that stand in the text, in [0, 1].

    Returns:
        None where the query has fewer than `n` words: there is nothing to find.
    """
    wanted = word_ngrams(query, n)
    if not wanted:
        return None
    return len(wanted & word_ngrams(text, n)) / len(wanted)


class RunFinder:
    """Finds the longest run of consecutive words that a fixed query shares with any text, in linear time.

    A suffix automaton over the query's words (Blumer et al., 1985): built once in O(query), each text is read
    once in O(text), so that a hostile text of one repeated word costs no more than any other.

    Args:
        query: The query's words, in order.
    """

    def __init__(self, query: Sequence[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._link = [-1]
        self._length = [0]
        last = 0
        for word in query:
            last = self._extend(last, word)

    def _extend(self, last: int, word: str) -> int:
        state = self._state(self._length[last] + 1, {}, 0)
        at = last
        while at != -1 and word not in self._next[at]:
            self._next[at][word] = state
            at = self._link[at]
        if at == -1:
            return state
        target = self._next[at][word]
        if self._length[at] + 1 == self._length[target]:
            self._link[state] = target
            return state
        clone = self._state(self._length[at] + 1, dict(self._next[target]), self._link[target])
        while at != -1 and self._next[at].get(word) == target:
            self._next[at][word] = clone
            at = self._link[at]
        self._link[target] = self._link[state] = clone
        return state

    def _state(self, length: int, transitions: dict[str, int], link: int) -> int:
        self._next.append(transitions)
        self._link.append(link)
        self._length.append(length)
        return len(self._next) - 1

    def longest(self, text: Sequence[str]) -> int:
        """Length in words of the longest run of `text` that stands in the query word for word; 0 if none."""
        following, link, lengths = self._next, self._link, self._length
        best = state = run = 0
        for word in text:
            target = following[state].get(word)
            while target is None and state:
                state = link[state]
                run = lengths[state]
                target = following[state].get(word)
            if target is not None:
                state = target
                run += 1
                if run > best:
                    best = run
        return best


def shorten(text: str, limit: int = 60) -> str:
    """The beginning of a text on one line, for messages and tables."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
