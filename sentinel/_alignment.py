"""In-order matching of rare words between a query and many passages at once: local alignment in numpy.

Smith and Waterman's recurrence (1981) with the words' idf as the gain of a match and a small loss for each word passed
over on either side, so that deleted and substituted words cost little and words that merely occur somewhere far apart
do not add up. Rows are the query's words, columns the matched places of all passages: O(query words * places) in numpy.
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
    rare = np.flatnonzero(idf >= RARE)[:MAX_ROWS]
    if len(rare) < LEAST_RARE:
        return None
    codes = passage(query).codes[rare]
    wanted = np.unique(codes)
    count = len(texts)
    reads = [passage(one).codes for one in texts]
    lengths = np.array([len(read) for read in reads], dtype=np.intp)
    every = np.concatenate(reads) if reads else np.zeros(0, np.uint32)
    at = np.minimum(np.searchsorted(wanted, every), len(wanted) - 1)
    hits = np.flatnonzero(wanted[at] == every)
    starts = np.cumsum(lengths) - lengths
    owner = np.searchsorted(starts + lengths, hits, side="right") if count else hits
    per = np.bincount(owner, minlength=count)
    width = int(per.max()) if count else 0
    whole = float(idf[rare].sum())
    if width == 0:
        return Alignment(np.zeros(count), np.zeros(count), whole)
    column = np.arange(len(hits)) - np.repeat(np.cumsum(per) - per, per)
    code = np.full((count, width), -1, dtype=np.intp)
    place = np.zeros((count, width))
    code[owner, column] = at[hits]
    place[owner, column] = GAP * (hits - starts[owner])
    # held: best chain that ends in this place, with the gaps up to here added back, so that a running maximum over
    # earlier places compares like with like. Chain lengths ride along in the same recurrence.
    held = np.full((count, width + 1), -np.inf)
    steps = np.zeros((count, width + 1))
    best, longest = np.zeros(count), np.zeros(count)
    rows = np.searchsorted(wanted, codes)
    present = np.isin(rows, code)
    everybody = np.arange(count)
    for row, where, gain in zip(rows[present], rare[present], idf[rare][present], strict=True):
        who, which = np.nonzero(code == row)
        # Later places of one passage must not chain through each other: all read the state before this row.
        reach = np.maximum.accumulate(held[who], axis=1)[np.arange(len(who)), which]
        behind = _last_maximum(held[who], which)
        ahead = place[who, which] + GAP * where
        before = reach - ahead + GAP * 2  # adjacent words pass over nothing
        fresh = before <= 0
        score = gain + np.where(fresh, 0.0, before)
        step = 1.0 + np.where(fresh, 0.0, steps[who, behind])
        better = score + ahead > held[who, which + 1]
        held[who[better], which[better] + 1] = (score + ahead)[better]
        steps[who[better], which[better] + 1] = step[better]
        for i in np.flatnonzero(score > best[who]):
            if score[i] > best[who[i]]:
                best[who[i]], longest[who[i]] = score[i], step[i]
    del everybody
    return Alignment(best, longest, whole)


def _last_maximum(held: NDArray[np.float64], which: NDArray[np.intp]) -> NDArray[np.intp]:
    allowed = np.where(np.arange(held.shape[1])[None, :] <= which[:, None], held, -np.inf)
    return allowed.argmax(axis=1)
