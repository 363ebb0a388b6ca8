"""Search with what a reader sees: no invisible characters, no look-alike letters, no odd forms of letters."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from defenses.base import DefenseManifest, QueryDefense, Resources
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.text import normalise
from sentinel.vocabulary import Threat

_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile(r"[a-zA-Z]")
_SPACES = "\t\n\r "
_JOINERS = "\u200c\u200d"  # parts of the spelling in Persian, Hindi and many more, and of emoji
_EMOJI_FORM = "\ufe0f"
_EUROPEAN = ("LATIN", "GREEK", "CYRILLIC")


@lru_cache(maxsize=4096)
def _shows(character: str) -> bool:
    """Whether a character is seen, by the same rule as the signals' normal form."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
        return character in _SPACES
    if "\u0300" <= character <= "\u036f":  # alone it is nothing; on a letter it is an accent
        return character != "\u034f"
    return character.isspace() or normalise(character) != ""


@lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    """Whether a joiner beside this character may be part of the spelling."""
    if character.isascii() or not _shows(character) or character.isspace():
        return False
    return not unicodedata.name(character, "").startswith(_EUROPEAN)


@lru_cache(maxsize=4096)
def _latin_twin(letter: str) -> str:
    """The Latin letter that a letter of another script is taken for, in its case; itself if there is none."""
    # Look-alikes are undone in words that mix scripts, so the letter is asked for in such a word.
    twin = normalise(f"a{letter}")[1:]
    if letter.isascii() or len(twin) != 1 or not twin.isascii():
        return letter
    return twin.upper() if letter.isupper() else twin


def _unmask(word: re.Match[str]) -> str:
    text = word.group()
    return "".join(map(_latin_twin, text)) if not text.isascii() and _LATIN.search(text) else text


def _visible(text: str) -> str:
    return "".join(
        # Separators among the control characters part words.
        character if _shows(character) or _belongs(text, i) else " " * character.isspace()
        for i, character in enumerate(text)
    )


def _belongs(text: str, i: int) -> bool:
    """Whether the invisible character at i is part of the spelling."""
    if text[i] == _EMOJI_FORM:
        return i > 0 and unicodedata.category(text[i - 1]) == "So"
    return text[i] in _JOINERS and 0 < i < len(text) - 1 and _joins(text[i - 1]) and _joins(text[i + 1])


def clean(text: str) -> str:
    """A text as a reader sees it: visible characters in NFKC form, look-alikes in mixed-script words undone.

    Casing, spacing and line breaks stay. A clean text comes back as it is; so does one of which nothing would be left.
    """
    if text.isascii() and all(c in _SPACES or " " < c < "\x7f" for c in set(text)):
        return text
    cleaned = text
    for _ in range(4):  # one step can make work for another; almost always nothing is left after the first round
        before = cleaned
        cleaned = _WORD.sub(_unmask, unicodedata.normalize("NFKC", _visible(cleaned)))
        if cleaned == before:
            break
    return cleaned if cleaned.strip() else text


class NormaliseQuery(QueryDefense):
    """Searches with the query's visible text, so that no hidden character steers what is found.

    Triggers and look-alikes move a query's vector while a reader, and every text signal, sees an ordinary question.
    Joiners stay where they are part of the spelling (Persian, Hindi, emoji).
    """

    manifest = DefenseManifest(
        name="normalise_query",
        summary="search without invisible characters, look-alike letters and odd letter forms",
        stage=Stage.QUERY,
        threats=frozenset({Threat.INJECTION, Threat.EXTRACTION, Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        guarantee="a clean query is searched for as it is, byte for byte",
        source="ours, after Unicode TR 36 and TR 39",
    )

    def rewrite(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> str:
        """The query as a reader sees it."""
        return clean(evidence.request.query)
