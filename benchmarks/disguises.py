"""Disguised attacks: the same words in other characters, so that detection can be measured with and without.

What a reader, or a tokenizer that knows Unicode, still reads; not translations: those are other texts.
"""

from __future__ import annotations

import base64
import codecs
import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.attacks import Planted, Session, rng
from benchmarks.readings import Traffic

AT = "@"
"""Between an attack's name and its disguise's."""
_ALIKE = str.maketrans("aceopxyiAOEPCX", "асеорхуіАОЕРСХ")
_LEET = str.maketrans("aeiost", "431057")
_INVISIBLE = ("\u200b", "\u200c", "\u2060")
SHARE = 0.3
"""Share of words, or of places between letters, that a sparing disguise touches."""


def homoglyphs(text: str, draw: random.Random) -> str:
    """Cyrillic letters for Latin ones in some words."""
    return _some(text, draw, lambda word: word.translate(_ALIKE))


def zero_width(text: str, draw: random.Random) -> str:
    """Invisible characters inside some words."""

    def cut(word: str) -> str:
        at = draw.randrange(1, len(word)) if len(word) > 1 else 0
        return word[:at] + draw.choice(_INVISIBLE) + word[at:]

    return _some(text, draw, cut)


def letter_case(text: str, draw: random.Random) -> str:
    """Letters in upper and lower case at random."""
    return "".join(c.upper() if draw.random() < 0.5 else c.lower() for c in text)


def fullwidth(text: str, draw: random.Random) -> str:
    """Some words in the wide forms of East Asian typesetting."""
    return _some(text, draw, lambda word: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word))


def mathematical(text: str, draw: random.Random) -> str:
    """Some words in the bold letters of mathematics."""
    return _some(text, draw, lambda word: "".join(_bold(c) for c in word))


def accents(text: str, draw: random.Random) -> str:
    """Marks heaped on the letters of some words that no letter composes with."""
    return _some(text, draw, lambda word: "".join(c + "\u0353" if c.isalpha() else c for c in word))


def leetspeak(text: str, draw: random.Random) -> str:
    """Digits for letters in some words."""
    return _some(text, draw, lambda word: word.translate(_LEET))


def encoded(text: str, draw: random.Random) -> str:
    """All of it in base64: no retriever finds a passage by it, but an extraction command may come so."""
    return base64.b64encode(text.encode()).decode()


def rotated(text: str, draw: random.Random) -> str:
    """All of it in ROT13."""
    return codecs.encode(text, "rot13")


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "homoglyphs": homoglyphs,
    "zero-width": zero_width,
    "case": letter_case,
    "fullwidth": fullwidth,
    "mathematical": mathematical,
    "accents": accents,
    "leetspeak": leetspeak,
    "base64": encoded,
    "rot13": rotated,
}


def disguised(traffic: Traffic, name: str, seed: int, most: int | None = None) -> Traffic:
    """An attack's traffic in a disguise, under the name `attack@disguise`.

    What the attacker writes is disguised: the queries of a probe, the planted documents of a poisoning, whose questions
    are other people's.

    Args:
        traffic: The attack's own.
        name: One of `DISGUISES`.
        seed: Of every choice.
        most: Sessions to take, and what is planted for them; None for all.
    """
    change = DISGUISES[name]
    sessions = list(traffic.sessions)[:most]
    targets = {session.target for session in sessions}
    planted = [p for p in traffic.planted if p.target in targets]
    if planted:
        planted = [Planted(p.target, change(p.text, rng(seed, name, str(i)))) for i, p in enumerate(planted)]
    else:
        sessions = [_session(session, change, seed, name) for session in sessions]
    manifest = traffic.attack.manifest.model_copy(update={"name": f"{traffic.attack.manifest.name}{AT}{name}"})
    kind = type(traffic.attack)
    attack = type(kind.__name__, (kind,), {"manifest": manifest, "__doc__": kind.__doc__})()
    return replace(traffic, attack=attack, sessions=sessions, planted=planted)


def _session(session: Session, change: Callable[[str, random.Random], str], seed: int, name: str) -> Session:
    draw = rng(seed, name, session.id)
    return replace(session, asks=tuple(replace(ask, query=change(ask.query, draw)) for ask in session.asks))


def _some(text: str, draw: random.Random, change: Callable[[str], str]) -> str:
    parts: Sequence[str] = text.split(" ")
    return " ".join(change(word) if word and draw.random() < SHARE else word for word in parts)


def _bold(character: str) -> str:
    kind = "CAPITAL" if character.isupper() else "SMALL"
    if not ("a" <= character.lower() <= "z"):
        return character
    return unicodedata.lookup(f"MATHEMATICAL BOLD {kind} {character.upper()}")
