"""In-order matching of rare words between a query and passages: local alignment.

Smith and Waterman's recurrence (1981) with the words' idf as the gain of a match and a small loss for each word passed
over on either side, so that deleted and substituted words cost little and words that merely occur somewhere far apart
do not add up. A word matches in any of its forms: endings are the first thing that a rephrased text changes. Only
matched places are visited, and of those before each only the last few: linear in the passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinel._corpus_text import TextStatistics
from sentinel._stem import stem
from sentinel.evidence import Evidence

RARE = 1.5
"""Least idf of a word that may be matched: words in more than a fifth of the documents align with anything."""
GAP = 0.15
"""Loss for each word passed over, in nats of idf: twenty words of gap cost a word in every twentieth document."""
LEAST_RARE = 3
MAX_ROWS = 400
REPEATS = 4
"""Occurrences of one stem in the query that may be matched."""
LOOK_BACK = 40
MAX_MATCHES = 1_000


@dataclass(frozen=True, eq=False)
class Alignment:
    """The best chain of each candidate.

    Attributes:
        weight: Idf of the chain's words less its gaps, in nats, shape (n,).
        length: Words in the chain, shape (n,).
        in_step: Words in the longest part of the chain that passes over as many words here as there, shape (n,).
        whole: Idf of all the query's rare words, in nats.
    """

    weight: NDArray[np.float64]
    length: NDArray[np.float64]
    in_step: NDArray[np.float64]
    whole: float


def aligned(evidence: Evidence) -> Alignment | None:
    """Align the query with each candidate; None without text statistics or with fewer than three rare words."""
    if evidence.corpus is None or evidence.corpus.text is None:
        return None
    # Three signals read it: kept with the request's evidence, and forgotten with it.
    known: dict[str, Alignment | None] = evidence.__dict__.setdefault("_aligned", {})
    if "found" not in known:
        known["found"] = _aligned(evidence, evidence.corpus.text)
    return known["found"]


def _aligned(evidence: Evidence, statistics: TextStatistics) -> Alignment | None:
    idf = statistics.idfs(evidence.request.query)
    rare = np.flatnonzero(idf >= RARE)[:MAX_ROWS].tolist()
    if len(rare) < LEAST_RARE:
        return None
    asked = evidence.query_passage.words
    places: dict[str, list[tuple[int, float]]] = {}
    for at in rare:
        found = places.setdefault(stem(asked[at]), [])
        if len(found) < REPEATS:
            found.append((at, float(idf[at])))
    chains = [
        _chain([(at, form) for at in where if (form := stem(read.words[at])) in places], places)
        for read, where in zip(evidence.passages, evidence.passage_places, strict=True)
    ]
    table = np.array(chains, dtype=np.float64).reshape(len(chains), 3)
    return Alignment(table[:, 0], table[:, 1], table[:, 2], float(idf[rare].sum()))


_Link = tuple[int, int, float, Any]
"""Place in the passage, place in the query, weight so far, and the link before it (None at the beginning)."""


def _chain(matches: Sequence[tuple[int, str]], places: dict[str, list[tuple[int, float]]]) -> tuple[float, int, int]:
    """Weight, length and longest part in step of the best chain in one passage, of its matched places with stems."""
    held: list[_Link] = []
    best = 0.0
    last: _Link | None = None
    for at, word in matches:
        new: list[_Link] = []
        for asked, gain in places[word]:
            score, back = gain, None
            for link in held[-LOOK_BACK:]:
                there, where, before, _ = link
                if where < asked:
                    # Adjacent words pass over nothing.
                    chained = gain + before - GAP * (at - there + asked - where - 2)
                    if chained > score:
                        score, back = chained, link
            new.append((at, asked, score, back))
            if score > best:
                best, last = score, new[-1]
        held += new  # after the loop: one place of the passage counts once
        if len(held) > MAX_MATCHES:
            break
    return best, *_steps(last)


def _steps(last: _Link | None) -> tuple[int, int]:
    """Length and longest part in step of the chain that ends in a link."""
    length = longest = run = 0
    shift: int | None = None
    while last is not None:
        at, asked, _, last = last
        run = run + 1 if at - asked == shift else 1
        shift = at - asked
        length += 1
        longest = max(longest, run)
    return length, longest
