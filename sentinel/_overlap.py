"""Where the words of a query stand in the candidates: found for all candidates at once, read by several signals.

Most words of a passage are none of the query's. One look at a bitmap of the query's words, with all candidates laid
end to end, leaves the few places that anything finer has to visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sentinel._passage import Codes, codes_of

_BITS = np.uint32(0xFFFF)


class Laid:
    """Several texts' words, laid end to end.

    Args:
        texts: The words of each text.
        codes: Their codes, where they are known already; arrays of shape (n,) each.
    """

    def __init__(self, texts: Sequence[tuple[str, ...]], codes: Sequence[Codes]) -> None:
        self.texts = texts
        self.starts = [0]
        for text in texts:
            self.starts.append(self.starts[-1] + len(text))
        self._places = np.concatenate(codes) & _BITS if codes else np.zeros(0, np.uint32)

    def places(self, wanted: tuple[str, ...]) -> list[list[int]]:
        """For each text where a word of `wanted` may stand, ascending; other words get in where their codes collide."""
        bitmap = np.zeros(1 << 16, np.bool_)
        bitmap[codes_of(wanted) & _BITS] = True
        found = np.flatnonzero(bitmap[self._places])
        cuts = np.searchsorted(found, self.starts).tolist()
        places = found.tolist()
        return [
            [at - start for at in places[low:high]]
            for (low, high), start in zip(pairwise(cuts), self.starts, strict=False)
        ]


def stretches(places: list[int]) -> list[tuple[int, int]]:
    """Start and end of each run of consecutive places, the longest first; of equally long ones the first first."""
    found: list[tuple[int, int]] = []
    start = end = -1
    for at in places:
        if at != end:
            if end > start:
                found.append((start, end))
            start = at
        end = at + 1
    if end > start:
        found.append((start, end))
    found.sort(key=lambda run: run[0] - run[1])
    return found
