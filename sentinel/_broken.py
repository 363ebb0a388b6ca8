"""Copies in which words were left out or put differently: where most of what stands around a word is copied too.

A word of the query is *placed* in a passage if `NEAR` of the words within `REACH` of it, in any of their forms, stand
in the passage as far from it as in the query, give or take one. Placed are the words of a copy, whichever of its words
are gone, changed or put into another order clause by clause; of a question in a person's own words there are few.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentinel._passage import stem_codes
from sentinel.evidence import Evidence

REACH = 8
"""Words to either side that are looked at."""
NEAR = 5
"""Of these as many have to stand where they stand in the query."""
LEAST = 8
"""Different words in common below which no copy is looked for: most candidates of a question have fewer."""
MAX_WORDS = 400
"""Words of the query that are looked at."""


def broken(evidence: Evidence) -> NDArray[np.float64]:
    """How much of the query is a broken copy of each candidate, in words, shape (n,).

    The geometric mean of the words that are placed and of those among them beyond the longest run that is copied as it
    stands: who pastes an excerpt has one run and nothing beyond, who asks in his own words has hardly anything placed.
    """
    # A signal and a defense read it: kept with the request's evidence, as alignments are, and forgotten with it.
    found: NDArray[np.float64] | None = evidence.__dict__.get("_broken")
    if found is None:
        placed = _placed(evidence)
        found = np.sqrt(placed * np.maximum(0.0, placed - np.array(evidence.run_lengths)))
        evidence.__dict__["_broken"] = found
    return found


def _placed(evidence: Evidence) -> NDArray[np.float64]:
    """Words of the query that are placed in each candidate, shape (n,)."""
    placed = np.zeros(len(evidence.candidates))
    asked = stem_codes(evidence.query_words[:MAX_WORDS])
    looked = [i for i, shared in enumerate(evidence.shared_words) if len(shared) >= LEAST]
    if not looked:
        return placed
    size = len(asked)
    order = np.argsort(asked, kind="stable")
    ascending = asked[order]
    codes, places, apart = [], [], 0
    for i in looked:
        at = np.array(evidence.places[i])
        codes.append(evidence.candidate_stems[i][at])
        places.append(at + apart)
        apart += len(evidence.candidate_words[i]) + size + 2  # no diagonal of one candidate is next to another's
    found, place = np.concatenate(codes), np.concatenate(places)
    first, last = (np.searchsorted(ascending, found, side) for side in ("left", "right"))
    times = last - first
    row = order[np.repeat(first - np.cumsum(times) + times, times) + np.arange(times.sum())]
    candidate = np.repeat(np.repeat(looked, [len(one) for one in codes]), times)
    width = size + 2 * REACH
    keys = (np.repeat(place, times) - row + size) * width + row + REACH
    ordered = np.sort(keys)
    near = -np.ones(len(keys), dtype=np.intp)
    for diagonal in (-width, 0, width):
        near += np.searchsorted(ordered, keys + (diagonal + REACH), "right")
        near -= np.searchsorted(ordered, keys + (diagonal - REACH), "left")
    words = np.unique(candidate[near >= NEAR] * size + row[near >= NEAR])
    placed += np.bincount(words // size, minlength=len(placed))
    return placed
