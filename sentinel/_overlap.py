"""Where the words of a query stand in the candidates: found for all candidates at once, read by several signals.

Most words of a passage are none of the query's. One look at a bitmap of the query's words, with all candidates laid
end to end, leaves the few places that anything finer has to visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sentinel._passage import Codes, stem_codes

_SIZE = 1 << 14
"""Bits of a bitmap: small enough to stay in the processor's nearest cache, where most look-ups cost nothing."""
_BITS = np.uint32(_SIZE - 1)
_FIRST, _SECOND, _HIGH = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(18)
Stretch = tuple[int, int]
"""Start and end of some words in a row."""


class Laid:
    """Several texts' words, laid end to end.

    Args:
        texts: The words of each text.
        stems: The codes of their stems; arrays of shape (n,) each.
    """

    def __init__(self, texts: Sequence[tuple[str, ...]], stems: Sequence[Codes]) -> None:
        self.texts = texts
        self.starts = [0]
        for text in texts:
            self.starts.append(self.starts[-1] + len(text))
        self._codes = np.concatenate(stems) if stems else np.zeros(0, np.uint32)

    def places(self, wanted: tuple[str, ...]) -> list[list[int]]:
        """For each text where a word of `wanted` may stand in some form of it, ascending.

        Other words get in where codes collide.
        """
        if not self.texts:
            return []
        bitmap = np.zeros(_SIZE, np.bool_)
        bitmap[stem_codes(wanted) & _BITS] = True
        found = np.flatnonzero(bitmap[self._codes & _BITS])
        cuts = np.searchsorted(found, self.starts).tolist()
        places = found.tolist()
        return [
            [at - start for at in places[low:high]]
            for (low, high), start in zip(pairwise(cuts), self.starts, strict=False)
        ]

    def stretches(self, wanted: tuple[str, ...]) -> list[list[Stretch]]:
        """For each text where words stand in a row whose every two neighbours may be neighbours in `wanted`.

        Every run of two and more words that `wanted` has too lies within one of them; others get in where codes of
        pairs collide, where words have another form, or where pairs follow each other that do not in `wanted`.

        Returns:
            The longest first; of equally long ones the first first.
        """
        found: list[list[Stretch]] = [[] for _ in self.texts]
        bitmap = np.zeros(_SIZE, np.bool_)
        bitmap[_pairs(stem_codes(wanted))] = True
        text, start, end = -1, 0, 0
        for at in np.flatnonzero(bitmap[_pairs(self._codes)]).tolist():
            while at >= end:
                text += 1
                start, end = self.starts[text], self.starts[text + 1]
            if at + 1 == end:
                continue  # the next word is another text's
            here, first = found[text], at - start
            if here and here[-1][1] == first + 1:
                here[-1] = (here[-1][0], first + 2)
            else:
                here.append((first, first + 2))
        for here in found:
            if len(here) > 1:
                here.sort(key=lambda stretch: stretch[0] - stretch[1])
        return found


def _pairs(codes: Codes) -> Codes:
    """14 bits of each word and the one after it, shape (n - 1,)."""
    pairs: Codes = ((codes[:-1] * _FIRST) ^ (codes[1:] * _SECOND)) >> _HIGH
    return pairs
