"""Patterns of personal data: bounded, so that they run in linear time, and verified where a check digit allows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["email", "phone", "card", "iban", "ssn", "ip"]

LONGEST = 140
"""Characters of the longest match."""

# Country codes by the length of their account numbers (SWIFT IBAN registry).
_IBAN = {
    code: length
    for length, codes in {
        15: "no", 16: "be", 18: "dk fi fo gl nl", 19: "mk si", 20: "at ba ee kz lt lu xk", 21: "ch hr li lv",
        22: "bg bh de gb ge ie me rs", 23: "ae gi il iq", 24: "ad cz es md pk ro sa se sk tn vg", 25: "pt",
        26: "is tr", 27: "fr gr it mc sm", 28: "al az cy do gt hu lb pl", 29: "br ps qa ua", 30: "jo kw mu", 31: "mt",
    }.items()
    for code in codes.split()
}  # fmt: skip

# Each looks ahead only, so that a match is tried from every place where one may begin.
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    "email": re.compile(
        r"(?<![a-z0-9])(?=([a-z0-9][a-z0-9._%+-]{0,47}@(?:[a-z0-9][a-z0-9-]{0,19}\.){1,3}[a-z]{2,12})(?![a-z0-9]))"
    ),
    "phone": re.compile(
        r"(?=(\+\d{1,3}(?:[ .\-/]?\(?\d{1,5}\)?){1,6})(?![a-z0-9]))"
        r"|(?=(\(\d{3,5}\) ?\d{3,4}[ .-]?\d{3,5})(?![a-z0-9]))"
        r"|(?<![a-z0-9])(?=(\d{3}([.-])\d{3}\4\d{4}|0\d{2,4}[/-]\d{5,9})(?![a-z0-9]))"
        r"|(?<=tel)[.:]{0,2} ?(?=(\d(?:[ .\-/]?\d){6,14})(?![a-z0-9]))"
        r"|(?:(?<=phone)|(?<=mobile)|(?<=fax)|(?<=call)):? ?(?=(\d(?:[ .\-/]?\d){6,14})(?![a-z0-9]))"
    ),
    "card": re.compile(r"(?<![a-z0-9])(?=([2-6](?:[ -]?\d){12,18}))"),
    "iban": re.compile(r"(?<![a-z0-9])(?=([a-z]{2}\d{2}(?: ?[a-z0-9]){11,27}))"),
    "ssn": re.compile(r"(?<![a-z0-9])(?=((?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4})(?![a-z0-9]))"),
    "ip": re.compile(r"(?<![a-z0-9.])(?=((?:\d{1,3}\.){3}\d{1,3})(?![a-z0-9]|\.\d))"),
}


class Found(NamedTuple):
    """Where personal data stands in a folded text, and of which kind it is."""

    start: int
    end: int
    kind: str


def find(text: str, kinds: tuple[Kind, ...]) -> Iterator[Found]:
    """Personal data in a folded text (lower case), kind by kind.

    Args:
        text: Folded text.
        kinds: What to look for.
    """
    for kind in kinds:
        for match in _PATTERNS[kind].finditer(text):
            group = match.lastindex or 1
            end = match.start(group) + _CHECKS[kind](text, match.start(group), match.group(group))
            if end > match.start(group):
                yield Found(match.start(group), end, kind)


def _whole(text: str, start: int, found: str) -> int:
    return len(found)


def _phone(text: str, start: int, found: str) -> int:
    """A number of 7 to 15 digits (ITU-T E.164); of more, as many groups of digits from the left as make one."""
    digits = best = 0
    for at, character in enumerate(found, 1):
        digits += character.isdigit()
        if 7 <= digits <= 15 and character.isdigit() and not text[start + at : start + at + 1].isalnum():
            best = at
    return best


def _card(text: str, start: int, found: str) -> int:
    """The longest number of 13 to 19 digits whose last one is right (Luhn, ISO/IEC 7812)."""
    digits: list[int] = []
    best = 0
    for at, character in enumerate(found, 1):
        if character.isdigit():
            digits.append(int(character))
            if len(digits) >= 13 and not text[start + at : start + at + 1].isalnum() and _luhn(digits):
                best = at
    return best


def _luhn(digits: list[int]) -> bool:
    doubled = (d * 2 - 9 * (d > 4) if i % 2 else d for i, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _iban(text: str, start: int, found: str) -> int:
    """An account number of its country's length whose check digits are right (ISO 13616, modulo 97)."""
    length = _IBAN.get(found[:2], 0)
    places = [at for at, character in enumerate(found, 1) if character != " "][:length]
    if not length or len(places) < length or text[start + places[-1] : start + places[-1] + 1].isalnum():
        return 0
    groups = found[: places[-1]].split()
    if any(len(group) > 4 and group.isalpha() for group in groups):
        return 0  # bank codes are of four letters; a longer word is no part of a number
    number = "".join(groups)
    return places[-1] if int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1 else 0


def _ip(text: str, start: int, found: str) -> int:
    return len(found) if all(int(part) < 256 for part in found.split(".")) else 0


_CHECKS: dict[Kind, Callable[[str, int, str], int]] = {
    "email": _whole, "phone": _phone, "card": _card, "iban": _iban, "ssn": _whole, "ip": _ip,
}  # fmt: skip
