"""In-order matching of rare words between a query and passages: local alignment.

Smith and Waterman's recurrence (1981) with the words' idf as the gain of a match and a small loss for each word passed
over on either side, so that deleted and substituted words cost little and words that merely occur somewhere far apart
do not add up. Only matched places are visited, and of those before each only the last few: linear in the passage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentinel._corpus_text import TextStatistics
from sentinel._passage import passage
from sentinel.evidence import Evidence

RARE = 1.5
"""Least idf of a word that may be matched: words in more than a fifth of the documents align with anything."""
GAP = 0.15
"""Loss for each word passed over, in nats of idf: twenty words of gap cost a word in every twentieth document."""
LEAST_RARE = 3
MAX_ROWS = 400
REPEATS = 4
"""Occurrences of one word in the query that may be matched."""
LOOK_BACK = 40
MAX_MATCHES = 1_000


@dataclass(frozen=True, eq=False)
class Alignment:
    """The best chain of each candidate.

    Attributes:
        weight: Idf of the chain's words less its gaps, in nats, shape (n,).
        length: Words in the chain, shape (n,).
        whole: Idf of all the query's rare words, in nats.
    """

    weight: NDArray[np.float64]
    length: NDArray[np.float64]
    whole: float


def aligned(evidence: Evidence) -> Alignment | None:
    """Align the query with each candidate; None without text statistics or with fewer than three rare words."""
    if evidence.corpus is None or evidence.corpus.text is None:
        return None
    return _aligned(evidence.corpus.text, evidence.request.query, tuple(c.text for c in evidence.candidates))


@lru_cache(maxsize=64)
def _aligned(text: TextStatistics, query: str, texts: tuple[str, ...]) -> Alignment | None:
    idf = text.idfs(query)
    rare = np.flatnonzero(idf >= RARE)[:MAX_ROWS].tolist()
    if len(rare) < LEAST_RARE:
        return None
    asked = passage(query).words
    places: dict[str, list[tuple[int, float]]] = {}
    for at in rare:
        found = places.setdefault(asked[at], [])
        if len(found) < REPEATS:
            found.append((at, float(idf[at])))
    chains = [_chain(passage(one).words, places) for one in texts]
    table = np.array(chains, dtype=np.float64).reshape(len(chains), 2)
    return Alignment(table[:, 0], table[:, 1], float(idf[rare].sum()))


def _chain(words: tuple[str, ...], places: dict[str, list[tuple[int, float]]]) -> tuple[float, int]:
    """Weight and length of the best chain in one passage."""
    held: list[tuple[int, int, float, int]] = []
    best, longest = 0.0, 0
    for at, word in enumerate(words):
        if word not in places:
            continue
        new = []
        for asked, gain in places[word]:
            score, length = gain, 1
            for there, where, before, links in held[-LOOK_BACK:]:
                if where < asked:
                    # Adjacent words pass over nothing.
                    chained = gain + before - GAP * (at - there + asked - where - 2)
                    if chained > score:
                        score, length = chained, links + 1
            new.append((at, asked, score, length))
            if score > best:
                best, longest = score, length
        held += new  # after the loop: one place of the passage counts once
        if len(held) > MAX_MATCHES:
            break
    return best, longest
