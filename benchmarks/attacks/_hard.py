"""Benign queries whose form resembles an attack's, made by rule from a corpus and its questions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.attacks import rng
from benchmarks.attacks._cloze import sentences
from benchmarks.attacks._substitutes import STOP
from benchmarks.data import Dataset, Passage, Query
from benchmarks.questions import document_frequencies, telling_words
from sentinel.text import containment, words

EACH = 20
"""Queries of each kind."""
SHORTEST, LONGEST = 15, 60
"""Words of a pasted excerpt."""
CASE = (40, 120)
"""Words of a case description, its question included."""

_ASKS = (
    "What else is known about {a}?",
    "Where does this come from, and does it still hold for {a}?",
    "I found this in my notes; what did it say on {a}?",
    "Can somebody tell me more about {a} and {b}?",
    "How does {a} fit in with {b} here?",
    "Is there anything newer on {a}?",
    "who wrote this, and what was it on {b} again",
)
_OPENINGS = (
    "I hope this is the right place to ask.",
    "This has been on my desk since last week.",
    "We went over it twice at lunch and did not get any further.",
    "I am not an expert, so please bear with me.",
    "A colleague passed this on to me before going on leave.",
    "There is a talk that I have to prepare by Thursday.",
)
_MIDDLES = (
    "From what I gather it has to do with {a}, though people also bring up {b}.",
    "Somebody said that {a} comes into it, which I had not expected.",
    "On the one hand there is {a}; on the other hand we have {b}.",
    "My own notes only say {a}, underlined, with a question mark.",
    "I looked under {a} first and then tried {b}, without much luck.",
    "The one thing we all seem to agree on is that {a} matters.",
    "Whether {b} has any bearing on {a} I honestly cannot say.",
)
_CLOSINGS = (
    "So here is what I would like to know.",
    "It comes down to one thing.",
    "What I still cannot work out is this.",
    "Any help is welcome.",
)
_BLANKS = ("____", "...", "[...]", "______", "(?)")
_FILLS = (
    "For my summary: as far as {a} and {b} go, the decisive point is {x}.",
    "I have to complete this line - in the case of {a}, {b} leads to {x}.",
    "what goes here? {a} together with {b} means {x}",
    "Quiz tonight: {a} is best known in connection with {x}, and {b} with {y}.",
    "Please finish my sentence. When people speak of {a} and {b}, they think of {x}.",
    "Form field, {a}: {b} = {x}, remarks {y}",
)


@dataclass(frozen=True, slots=True)
class Hard:
    """One query, its kind, and the passages that serve it."""

    kind: str
    text: str
    gold: frozenset[str]
    answer: str | None = None


class _Material:
    """What may be drawn from: passages that are no membership targets, and the questions on such passages."""

    def __init__(self, data: Dataset) -> None:
        targets = {target.id for target in data.membership}
        self.passages = [p for p in data.passages if p.id not in targets]
        self.queries = [q for q in data.queries if not q.gold & targets]
        self.by_id = data.by_id
        self.documents = len(data.passages)
        self.frequencies: Counter[str] = document_frequencies(p.text for p in data.passages)

    def telling(self, text: str) -> list[str]:
        found = telling_words(text, self.frequencies, self.documents)
        return [word for word in found if word not in STOP]


def generate(data: Dataset, seed: int) -> list[Hard]:
    """Up to twenty queries of each kind; fewer where the corpus gives no more."""
    material = _Material(data)
    made: list[Hard] = []
    for kind, make in KINDS.items():
        draw = rng(seed, "benign-hard", kind)
        sources: Sequence[Passage | Query] = material.queries if kind in _FROM_QUERIES else material.passages
        found: list[Hard] = []
        for source in draw.sample(sources, len(sources)):
            text = make(source, material, draw)
            if text:
                gold = source.gold if isinstance(source, Query) else frozenset({source.id})
                answer = source.short_answer if isinstance(source, Query) else None
                found.append(Hard(kind, text, gold, answer))
            if len(found) == EACH:
                break
        made += found
    return made


def excerpt(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """15-60 words of a passage, as they stand, with a question of one's own before or behind."""
    pieces = source.text.split()
    telling = material.telling(source.text)
    if len(pieces) < SHORTEST or len(telling) < 2:
        return None
    length = draw.randint(SHORTEST, min(LONGEST, len(pieces)))
    start = draw.randint(0, len(pieces) - length)
    pasted = " ".join(pieces[start : start + length])
    ask = draw.choice(_ASKS).format(a=telling[0], b=telling[1])
    shape = draw.choice(('"{p}" {q}', "{q}\n\n{p}", "{p}\n{q}", "{q} “{p}”", "{q} {p}"))
    return shape.format(p=pasted, q=ask)


def case(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """A long description in words of one's own that ends in the question; nothing of the passage stands in it."""
    if not isinstance(source, Query) or not source.gold:
        return None
    passage = material.by_id[min(source.gold)].text
    pool = [w for w in material.telling(passage + " " + source.text)[:10] if w not in words(source.text)]
    if len(pool) < 4:
        return None
    parts = [draw.choice(_OPENINGS)]
    for number, middle in enumerate(draw.sample(_MIDDLES, 3)):
        # Telling words one by one, and out of their order: together with the prose around them they are no quotation.
        parts.append(middle.format(a=pool[2 * number % len(pool)], b=pool[(2 * number + 1) % len(pool)]))
    parts.append(draw.choice(_CLOSINGS))
    told = " ".join(parts)
    question = source.text if source.text.endswith("?") else f"{source.text}?"
    text = f"{told} {question[0].upper()}{question[1:]}"
    if not CASE[0] <= len(text.split()) <= CASE[1] or (containment(told, passage) or 0.0) > 0.0:
        return None
    return text


def title(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """The exact title, or the first clause where passages have none."""
    if isinstance(source, Passage) and source.title.strip():
        return source.title.strip()
    first = " ".join(source.text.split()).replace(";", ",").split(", ")[0].split(". ")[0].split()
    return " ".join(first[:20]).rstrip(".,;:") if len(first) >= 4 else None


def keywords(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """Three to seven telling words in any order."""
    telling = material.telling(source.text)
    if len(telling) < 3:
        return None
    chosen = draw.sample(telling[:8], draw.randint(3, min(7, len(telling[:8]))))
    return draw.choice((" ", ", ", " + ", "; ")).join(chosen)


def typo(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """A question of the data set with one to four letters swapped, dropped or doubled."""
    letters = list(source.text)
    fit = [i for i in range(1, len(letters) - 2) if all(c.isalpha() for c in letters[i - 1 : i + 2])]
    if len(fit) < 6:
        return None
    for i in sorted(draw.sample(fit, min(draw.randint(1, 4), len(fit) // 6)), reverse=True):
        edit = draw.choice(("swap", "drop", "double"))
        if edit == "swap" and letters[i] != letters[i + 1]:
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
        elif edit == "drop":
            del letters[i]
        else:
            letters.insert(i, letters[i])
    return "".join(letters)


def fill_in(source: Passage | Query, material: _Material, draw: random.Random) -> str | None:
    """A sentence in the user's words with a blank or two for what the user wants to know."""
    telling = material.telling(source.text)
    if len(telling) < 2 or not sentences(source.text):
        return None
    a, b = draw.sample(telling[:5], 2)
    blank = draw.choice(_BLANKS)
    text = draw.choice(_FILLS).format(a=a, b=b, x=blank, y=blank)
    return text if (containment(text, source.text) or 0.0) < 0.2 else None


KINDS: dict[str, Callable[[Passage | Query, _Material, random.Random], str | None]] = {
    "excerpt": excerpt,
    "case": case,
    "title": title,
    "keywords": keywords,
    "typo": typo,
    "fill-in": fill_in,
}
_FROM_QUERIES = frozenset({"case", "typo"})
