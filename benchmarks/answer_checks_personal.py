"""Personal data that belongs to nobody, drawn from a seed, and numbers that only look like it."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

Drawn = tuple[str, str]
"""As it is written, and what of it must not be read."""

_FIRST = ("ada", "jonas", "mercy", "runa", "pavel", "ines", "tomoko", "luis")
_LAST = ("merrow", "linimura", "kedstrand", "vinquist", "osterhagen", "pell", "okonedo", "brandao")
_HOSTS = ("example.org", "mail.example.com", "example.co.uk", "post.example.net")
_ACCOUNTS = {"DE": (18, False), "NL": (14, True), "GB": (18, True), "FR": (23, False), "NO": (11, False)}
"""By country: how long the number is behind the check digits, and whether four letters begin it (ISO 13616)."""


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices(string.digits, k=count))


def email(draw: random.Random) -> Drawn:
    """An address at a reserved domain."""
    first, last, host = draw.choice(_FIRST), draw.choice(_LAST), draw.choice(_HOSTS)
    form = draw.choice(("{0}.{1}@{2}", "{0}_{1}{3}@{2}", "{0}+news@{2}", "{1}{3}@{2}", "{0}.{1}@{2}"))
    made = form.format(first, last, host, draw.randint(1, 99))
    written = draw.choice((made, made.upper(), f"<{made}>"))
    return written, made


def wide_email(draw: random.Random) -> Drawn:
    """An address in the wide letters of East Asian typesetting."""
    _, made = email(draw)
    return "".join(chr(ord(c) + 0xFEE0) for c in made), made


def spoken_email(draw: random.Random) -> Drawn:
    """An address spelled out for readers."""
    _, made = email(draw)
    written = made.replace("@", " at ").replace(".", " dot ")
    return written, written


def country_phone(draw: random.Random) -> Drawn:
    """A number with its country code."""
    forms = ("+49 30 {0}", "+1-202-555-{1}", "+44 20 7946 {1}", "+44 (0)161 496 {1}", "+33 1 99 00 {2} {3}")
    return _formed(draw, forms)


def national_phone(draw: random.Random) -> Drawn:
    """A number in brackets, in threes and a four, or after a word that says what it is."""
    return _formed(draw, ("(202) 555-{1}", "202-555-{1}", "202.555.{1}", "tel. 030 {0}", "phone: 0161 496 {1}"))


def bare_phone(draw: random.Random) -> Drawn:
    """A number that nothing marks as one."""
    return _formed(draw, ("020 7946 {1}", "0161 496 {1}", "01 99 00 {2} {3}"))


def _formed(draw: random.Random, forms: tuple[str, ...]) -> Drawn:
    parts = (_digits(draw, 6), _digits(draw, 4), _digits(draw, 2), _digits(draw, 2))
    made = draw.choice(forms).format(*parts)
    return made, "".join(c for c in made if c.isdigit())


def card(draw: random.Random) -> Drawn:
    """A card number whose last digit is right (ISO/IEC 7812)."""
    known = draw.choice("45") + _digits(draw, 14)
    # From the right every second digit is doubled, beginning with the one before the last, which is to be found.
    total = sum(sum(divmod(int(c) * (2 if at % 2 == 0 else 1), 10)) for at, c in enumerate(reversed(known)))
    number = known + str(-total % 10)
    sign = draw.choice((" ", "-", ""))
    return sign.join(number[at : at + 4] for at in range(0, 16, 4)), number


def account(draw: random.Random) -> Drawn:
    """An account number with right check digits (ISO 13616)."""
    country = draw.choice(sorted(_ACCOUNTS))
    length, bank = _ACCOUNTS[country]
    letters = "".join(draw.choices(string.ascii_uppercase, k=4)) if bank else ""
    rest = letters + _digits(draw, length - len(letters))
    value = int("".join(str(int(c, 36)) for c in f"{rest}{country}00"))
    number = f"{country}{98 - value % 97:02}{rest}"
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return draw.choice((grouped, number)), number


def social(draw: random.Random) -> Drawn:
    """A US social security number."""
    made = f"{draw.randint(100, 665):03}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"
    return made, made.replace("-", "")


PERSONAL: tuple[tuple[str, Callable[[random.Random], Drawn], bool], ...] = (
    ("e-mail address", email, True),
    ("e-mail address, full width", wide_email, True),
    ("phone number with its country code", country_phone, True),
    ("phone number in brackets, in 3-3-4, after a word", national_phone, True),
    ("card number", card, True),
    ("account number (IBAN)", account, True),
    ("social security number", social, True),
    ("phone number that nothing marks", bare_phone, False),
    ("e-mail address spelled out", spoken_email, False),
)
"""What there is, how it is made, and whether `personal_data` says that it masks it."""


NUMBERS: tuple[Callable[[random.Random], str], ...] = (
    lambda draw: f"ISBN 978-3-{_digits(draw, 2)}-{_digits(draw, 6)}-{_digits(draw, 1)}",
    lambda draw: f"doi:10.1016/j.cell.{draw.randint(2001, 2024)}.{_digits(draw, 2)}.{_digits(draw, 3)}",
    lambda draw: f"{draw.randint(1, 9)},{_digits(draw, 3)},{_digits(draw, 3)} people",
    lambda draw: f"{draw.randint(1800, 1899)}-{draw.randint(1900, 1999)}",
    lambda draw: f"p < 0.{_digits(draw, 3)} (95 % CI 1.{_digits(draw, 2)}-2.{_digits(draw, 2)})",
    lambda draw: f"12:{draw.randint(10, 59)}-14:{draw.randint(10, 59)}",
    lambda draw: f"PMID {draw.randint(1, 3)}{_digits(draw, 7)}",
    lambda draw: f"NCT0{_digits(draw, 7)}",
    lambda draw: f"52.{_digits(draw, 4)}, 13.{_digits(draw, 4)}",
    lambda draw: f"order {draw.randint(2001, 2024)}-{_digits(draw, 6)}",
    lambda draw: f"{draw.randint(2001, 2024)}-{draw.randint(10, 12)}-{draw.randint(10, 28)}",
    lambda draw: f"({draw.randint(1800, 1999)}) {_digits(draw, 2)} pages {_digits(draw, 3)}-{_digits(draw, 3)}",
)
"""What is no personal data: books, papers, sums, years, intervals, times, trials, places, orders."""
