"""A small scanned corpus for tests of signals that read its words."""

from __future__ import annotations

import random
from functools import lru_cache

from langchain_core.documents import Document

from sentinel import CorpusProfile
from sentinel.scan import scan

SUBJECTS = (
    "harbour bridge glacier orchard library railway volcano lantern monastery reservoir observatory aqueduct".split()
)
VERBS = "supplies overlooks borders replaced shelters finances connects surrounds".split()
PLACES = "Marlow Tersk Oderin Calden Vasto Brenner Lisle Quorn Hadder Ostrov".split()


NAMES = [
    a + b + c
    for a in ("Kar", "Bel", "Sor", "Mun", "Tef", "Wil")
    for b in "aeiou"
    for c in ("ldx", "nvik", "rto", "mas", "ged", "pul", "hob")
]


def prose(seed: int, sentences: int = 6) -> str:
    """Grammatical sentences that differ by seed."""
    draw = random.Random(seed)
    return " ".join(
        f"The {draw.choice(SUBJECTS)} of {draw.choice(PLACES)} {draw.choice(VERBS)} the {draw.choice(SUBJECTS)} in "
        f"the {draw.choice('north south east west'.split())}, and it was "
        f"built by {draw.choice(NAMES)} in {draw.randint(1500, 1950)}."
        for _ in range(sentences)
    )


def documents(count: int = 120) -> list[Document]:
    """Documents d0, d1, ..."""
    return [Document(id=f"d{i}", page_content=prose(i, 3 + i % 5)) for i in range(count)]


@lru_cache(maxsize=1)
def profile() -> CorpusProfile:
    """The scanned corpus, without vectors."""
    return scan(documents())
