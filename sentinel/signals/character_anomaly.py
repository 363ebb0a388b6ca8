"""Characters that hide or disguise text: measured on the query as it came, before normalisation undoes them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import pairwise

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

LIMIT = 200_000

_WORD = re.compile(r"[^\W\d_]{2,}")
_SCRIPTS = ((0x41, 0x24F, "Latin"), (0x370, 0x3FF, "Greek"), (0x400, 0x52F, "Cyrillic"), (0x530, 0x58F, "Armenian"),
            (0x13A0, 0x13FF, "Cherokee"))  # fmt: skip
"""Scripts whose letters are taken for one another; others cannot disguise a word."""
_JOINERS = frozenset("\u200c\u200d")
_MARKS = frozenset("\u200e\u200f\u061c")
_HIDDEN = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0\u034f")
_CONTROL = "".join(map(chr, (*range(9), *range(14, 32), 127)))
_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINING = frozenset(
    "ARABIC SYRIAC MONGOLIAN DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA "
    "KHMER MYANMAR TIBETAN NKO MANDAIC PHAGS THAI LAO".split()
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{24,}(?![0-9A-Za-z])|(?:\\x[0-9a-fA-F]{2}){4,}")
_SPACED_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2}){9,}(?![0-9A-Za-z])")
_ESCAPED = re.compile(r"(?:%[0-9a-fA-F]{2}){3,}|(?:\\u[0-9a-fA-F]{4}){3,}|(?:&#x?[0-9a-fA-F]{1,6};){3,}")
_SPACED_PERCENT = re.compile(r"%20")
_BINARY = re.compile(r"(?<!\d)[01]{7,8}(?: [01]{7,8}){3,}(?!\d)")
_COMMON = frozenset("the and of to in is that for it you are what with this all how from your".split())
_ROT13 = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


def _script(character: str) -> str:
    code = ord(character)
    return next((name for low, high, name in _SCRIPTS if low <= code <= high), "")


def _mixed_words(text: str) -> int:
    """Words whose letters come from more than one of the scripts that resemble each other.

    One Greek letter at a word's edge is a symbol (TNFα, βcarotene), not a disguise.
    """
    found = 0
    for match in _WORD.finditer("" if text.isascii() else text):
        word = match.group()
        if word.isascii():
            continue
        scripts = Counter(s for s in map(_script, word) if s)
        if len(scripts) < 2:
            continue
        symbols = scripts.get("Greek") == 1 and "Greek" in (_script(word[0]), _script(word[-1]))
        found += not (len(scripts) == 2 and symbols and not _looks_latin(word))
    return found


def _looks_latin(word: str) -> bool:
    # Greek letters that cannot be told from Latin ones are no symbols: nobody writes omicron as one.
    return any(c in "οΟνΑΒΕΖΗΙΚΜΝΤΥΧ" for c in word)


def _joins(text: str, i: int) -> bool:
    """Whether the joiner at `i` does what joiners are for: between letters of a joining script, or amid emoji."""
    for j in (i - 1, i + 1):
        if not 0 <= j < len(text):
            return False
    before, after = text[i - 1], text[i + 1]
    if unicodedata.name(before, "").partition(" ")[0] in _JOINING:
        return True
    pictures = ("So", "Sk", "Mn", "Me")  # variation selectors and skin tones stand before the joiner
    return unicodedata.category(before) in pictures and unicodedata.category(after) in ("So", "Sk", "Sm", "Po")


def _hidden(text: str) -> int:
    """Invisible characters that no script needs where they stand."""
    if text.isascii():
        return 0 if text.isprintable() else sum(map(text.count, _CONTROL))
    count = 0
    right_to_left = any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    flag = False
    for i, c in enumerate(text):
        code = ord(c)
        if code < 0x7F and code >= 0x20:
            flag = False
            continue
        if c in _JOINERS:
            count += not _joins(text, i)
        elif c in _MARKS:
            count += not right_to_left
        elif c in _CONTROLS:
            # Embeddings and isolates serve mixed-direction text; an override never does.
            count += 3 if c in "\u202d\u202e" else not right_to_left
        elif c in _HIDDEN:
            # A byte-order mark at the very start and soft hyphens amid words come with copied text.
            count += not (c == "\ufeff" and i == 0) and c != "\u00ad"
        elif 0xE0000 <= code <= 0xE007F:
            count += 0 if flag else 3  # tag characters spell flags after a black flag, and text nowhere
        elif 0xE0100 <= code <= 0xE01EF or (unicodedata.category(c) == "Cc" and c not in "\t\n\r\f\v\x85"):
            count += 1
        flag = code == 0x1F3F4 or (flag and 0xE0000 <= code <= 0xE007F)
    soft = text.count("\u00ad")
    return count + (soft if soft > len(text) // 20 else 0)


def _dressed(text: str) -> int:
    """Letters in forms made for something else: full-width, mathematical, enclosed, small capitals."""
    if text.isascii():
        return 0
    wide_text = any(0x3040 <= ord(c) <= 0x9FFF or 0xAC00 <= ord(c) <= 0xD7AF for c in text)
    return sum(
        0x1D400 <= code <= 0x1D7CB
        or 0x24B6 <= code <= 0x24E9
        or 0x1F130 <= code <= 0x1F189
        or (0x1D00 <= code <= 0x1D22)
        or (not wide_text and (0xFF21 <= code <= 0xFF3A or 0xFF41 <= code <= 0xFF5A))
        for code in map(ord, text)
    )


def _encoded(text: str) -> int:
    """Characters that stand in runs of base64, hexadecimal, binary, escapes, or in ROT13."""
    spans = [m.span() for p in (_HEX, _SPACED_HEX, _ESCAPED, _BINARY) for m in p.finditer(text)]
    for match in _BASE64.finditer(text):
        run = match.group()
        kinds = [any(f(c) for c in run) for f in (str.isupper, str.islower, str.isdigit)]
        turns = sum(a.isupper() != b.isupper() for a, b in pairwise(run) if a.isalpha() and b.isalpha())
        if all(kinds[:2]) and "/" not in run[:1] and turns >= len(run) // 6 and run.count("-") + run.count("_") <= 2:
            spans.append(match.span())
    end = total = 0
    for a, b in sorted(spans):
        total += max(0, b - max(a, end))
        end = max(end, b)
    if len(_SPACED_PERCENT.findall(text)) >= 3 and "://" not in text:
        total = max(total, len(text) // 2)
    letters = re.findall(r"[a-z]{2,}", text[:20_000].lower())
    if len(letters) >= 5:
        turned = sum(w.translate(_ROT13) in _COMMON for w in letters)
        if turned >= 2 and turned >= 0.12 * len(letters) and sum(w in _COMMON for w in letters) < turned / 2:
            total = max(total, len(text) // 2)
    return total


class CharacterAnomaly(Signal):
    """How much the query is disguised by its characters, in [0, 1].

    n / (n + 3) over: mixed-script words (Unicode TR 39), invisible characters and bidirectional overrides ("Trojan
    Source", arXiv 2111.00169), tag characters, a tenth of the letters in unusual forms, and encoded characters by
    eights. Joiners in emoji and in Arabic, Persian and Indic words, directional marks in right-to-left text, flags
    and full-width letters in East Asian text are what they are made for and do not count.
    """

    manifest = SignalManifest(
        name="character_anomaly",
        summary="look-alike, invisible or encoded characters in the query",
        stage=Stage.QUERY,
        threats=frozenset({Threat.INJECTION, Threat.EXTRACTION, Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        source="Boucher et al., arXiv 2106.09898 and 2111.00169; Unicode TR 39",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """0 for ordinary text of any language; 1/4 for one oddity."""
        odd = 0.0
        query = evidence.request.query
        for start in range(0, len(query), LIMIT):
            text = query[start : start + LIMIT]
            odd += _mixed_words(text) + _hidden(text) + _dressed(text) / 4 + _encoded(text) / 8
        return odd / (odd + 3)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that characters are not what they seem."""
        return f"the query holds disguised, invisible or encoded characters (degree {peak(measurement):.2f})"
