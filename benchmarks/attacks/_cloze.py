"""How a marker-free cloze is made: a stretch of the target, words gone without trace, others put differently."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.attacks._substitutes import STOP, SYNONYMS, substitute
from benchmarks.reader import Blank
from sentinel.text import words

FEWEST, MOST = 5, 10
"""Words deleted."""
SHARE = 0.25
"""Of the other content words, how many are substituted at least."""
MAX_SENTENCES = 3
MAX_WORDS = 110
_ROOMY = 20
"""Content words from which on a stretch leaves enough between five deletions."""
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9£$€])")
_CORE = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
FORMS = ("plain", "fragment", "turned", "joined", "lower", "headless")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a cloze is to be; the defaults are the plain attack's.

    Attributes:
        fewest: Words deleted at least.
        most: Words deleted at most.
        share: Of the other content words, how many are substituted.
        words: Length of the stretch at most.
        sentences: Sentences of the stretch at most.
        strict: Give up rather than substitute less than `share`.
    """

    fewest: int = FEWEST
    most: int = MOST
    share: float = SHARE
    words: int = MAX_WORDS
    sentences: int = MAX_SENTENCES
    strict: bool = True


PLAIN = Shape()


@dataclass(frozen=True, slots=True)
class Cloze:
    """One probe.

    Attributes:
        query: What is asked.
        deleted: The words that are gone, in order.
        blanks: For each the surviving, unsubstituted words around it in the target.
        substituted: Other content words that the query has in another form.
        content: Number of content words that were not deleted.
    """

    query: str
    deleted: tuple[str, ...]
    blanks: tuple[Blank, ...]
    substituted: tuple[str, ...]
    content: int


def sentences(text: str) -> list[str]:
    """A text cut at sentence ends that a capital or a number follows."""
    return [part for part in _SENTENCE_END.split(" ".join(text.split())) if part]


def is_content(word: str) -> bool:
    """Whether a normalised word carries meaning of its own."""
    return word not in STOP and (len(word) > 2 or any(c.isdigit() for c in word))


def _contents(text: str) -> int:
    return sum(map(is_content, words(text)))


def stretch(text: str, draw: random.Random, shape: Shape = PLAIN) -> list[str]:
    """Some sentences in a row with room for the deletions; the richest such stretch if none is roomy."""
    parts = [" ".join(part.split()[: shape.words]) for part in sentences(text)]
    found = [
        parts[i : i + n]
        for n in range(1, shape.sentences + 1)
        for i in range(len(parts) - n + 1)
        if sum(len(p.split()) for p in parts[i : i + n]) <= shape.words
    ]
    roomy = [chosen for chosen in found if _contents(" ".join(chosen)) >= _ROOMY]
    if roomy:
        return draw.choice(roomy)
    return max(found, key=lambda chosen: _contents(" ".join(chosen)), default=[])


def make(text: str, draw: random.Random, shape: Shape = PLAIN) -> Cloze | None:
    """A cloze on one text.

    Args:
        text: The target.
        draw: Of every choice.
        shape: How it is to be.

    Returns:
        None where no stretch of the text has the words for it.
    """
    chosen = stretch(text, draw, shape)
    pieces = " ".join(chosen).split()
    ends = [len(" ".join(chosen[: n + 1]).split()) for n in range(len(chosen))]
    plain = words(" ".join(pieces))
    spans = _spans(pieces)
    if spans is None:
        return None
    form = draw.choice(FORMS)
    counts = Counter(plain)
    content = [i for i, word in enumerate(plain) if is_content(word)]
    gone = _deletions(plain, content, counts, spans, draw, shape)
    if len(gone) < shape.fewest:
        return None
    others = [i for i in content if i not in gone]
    changed = _substitutions(pieces, plain, spans, gone, others, draw, shape.share)
    if shape.strict and sum(plain[i] in changed for i in others) < shape.share * len(others):
        return None
    survives = [i not in gone and word not in changed for i, word in enumerate(plain)]
    return Cloze(
        _written(pieces, ends, spans, plain, gone, changed, form, draw),
        tuple(plain[i] for i in sorted(gone)),
        tuple(Blank(_around(plain, survives, i, -1), _around(plain, survives, i, 1)) for i in sorted(gone)),
        tuple(plain[i] for i in others if plain[i] in changed),
        len(others),
    )


def _spans(pieces: Sequence[str]) -> list[tuple[int, int]] | None:
    """Which of the normalised words each piece between blanks holds, as (start, end)."""
    spans, at = [], 0
    for piece in pieces:
        size = len(words(piece))
        spans.append((at, at + size))
        at += size
    return spans if at == len(words(" ".join(pieces))) else None


def _deletions(
    plain: Sequence[str],
    content: Sequence[int],
    counts: Counter[str],
    spans: Sequence[tuple[int, int]],
    draw: random.Random,
    shape: Shape,
) -> set[int]:
    """Words that stand once only, as a piece of their own, and with other words between them."""
    alone = {start for start, end in spans if end - start == 1}
    free = [i for i in content if i in alone and counts[plain[i]] == 1 and i > 0]
    wanted = min(shape.most, max(shape.fewest, len(content) // 4))
    for apart in (3, 2):
        gone: set[int] = set()
        for i in draw.sample(free, len(free)):
            if len(gone) < wanted and all(abs(i - j) >= apart for j in gone):
                gone.add(i)
        if len(gone) >= shape.fewest:
            return gone
    return gone


def _substitutions(
    pieces: Sequence[str],
    plain: Sequence[str],
    spans: Sequence[tuple[int, int]],
    gone: set[int],
    others: Sequence[int],
    draw: random.Random,
    share: float,
) -> dict[str, str]:
    """Replacements by normalised word: a word is put differently wherever it stands, or it would give itself away.

    Synonyms come first, other forms fill up. Words next to a blank come last: the attacker needs two of them untouched
    to place what comes back.
    """
    possible: dict[str, str] = {}
    bound = {plain[i] for start, end in spans if end - start > 1 for i in range(start, end)}
    for number, (piece, (start, end)) in enumerate(zip(pieces, spans, strict=True)):
        if end - start == 1 and start in others and plain[start] not in bound and plain[start] not in possible:
            name = number > 0 and piece[0].isupper() and pieces[number - 1][0].isupper()
            new = substitute(_core(piece), draw, name)
            if new and not set(words(new)) & set(plain):
                possible[plain[start]] = new
    near = {plain[j] for i in gone for j in (i - 1, i + 1) if 0 <= j < len(plain)}
    order = draw.sample(sorted(possible), len(possible))
    order.sort(key=lambda word: (word in near, word not in SYNONYMS))
    wanted = math.ceil(len(others) * draw.uniform(share, share + 0.1)) if share else 0
    changed: dict[str, str] = {}
    reached = 0
    for word in order:
        if reached >= wanted:
            break
        changed[word] = possible[word]
        reached += sum(plain[i] == word for i in others)
    return changed


def _around(plain: Sequence[str], survives: Sequence[bool], at: int, step: int) -> tuple[str, ...]:
    """Up to two surviving words in a row next to a blank, in the order of the text."""
    found: list[str] = []
    i = at + step
    while len(found) < 2 and 0 <= i < len(plain) and survives[i]:
        found.append(plain[i])
        i += step
    return tuple(found[::-1] if step < 0 else found)


def _core(piece: str) -> str:
    match = _CORE.match(piece)
    return match.group(2) if match else piece


def _written(
    pieces: Sequence[str],
    ends: Sequence[int],
    spans: Sequence[tuple[int, int]],
    plain: Sequence[str],
    gone: set[int],
    changed: dict[str, str],
    form: str,
    draw: random.Random,
) -> str:
    """The query in one of several forms, so that no outer shape is common to all."""
    parts: list[list[str]] = [[]]
    for number, (piece, (start, end)) in enumerate(zip(pieces, spans, strict=True)):
        if number in ends:
            parts.append([])
        if start in gone and end - start == 1:
            # Only what closes a clause stays: a lone bracket or dash would show where the word was.
            mark = piece[-1] if piece[-1] in ",.;:" else ""
            if mark and parts[-1] and parts[-1][-1][-1].isalnum():
                parts[-1][-1] += mark
        elif end - start == 1 and plain[start] in changed:
            parts[-1].append(piece.replace(_core(piece), changed[plain[start]], 1))
        else:
            parts[-1].append(piece)
    texts = [" ".join(part) for part in parts if part]
    if form == "turned":
        texts = texts[::-1]
    joint = draw.choice((" and ", "; ", ", ", " - ")) if form == "joined" else " "
    text = joint.join(t.rstrip(".") if form == "joined" else t for t in texts)
    for pair in ("()", "[]", "“”"):
        if text.count(pair[0]) != text.count(pair[1]):  # half a pair would show that something is gone
            text = text.replace(pair[0], "").replace(pair[1], "")
    if form in ("fragment", "lower"):
        text = text.rstrip(" .!?")
    if form == "lower":
        text = text.lower()
    return text[0].lower() + text[1:] if form == "headless" else text
