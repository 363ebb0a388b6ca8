"""How many of a query's content words, in some form, stand in a text in the same order, close together."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq

from sentinel._stem import stem
from sentinel.wording import FUNCTION_WORDS

MOST_WORDS = 1024
"""Content words of the query that are looked at: work stays bounded, and a longer probe has runs to be seen by."""
WINDOW = 32
"""Content words of the query within which a share is taken: a probe cannot thin itself out with other text."""


class OrderFinder:
    """Counts content words of a fixed query that a text holds in order, in any form, with whatever between them.

    The longest common subsequence (Hirschberg 1977; bit-parallel, Hyyroe 2004) of the two sequences of content words,
    within the best window of the text. Windows are twice as long as the query's sequence and overlap by half, so that
    a stretch of the query's length lies in one of them as a whole and a long text gathers no matches from all over.

    Args:
        query: The query's normalised words.
    """

    def __init__(self, query: Sequence[str]) -> None:
        self._codes: dict[str, int] = {}
        self._query = [self._codes.setdefault(w, len(self._codes)) for w in _content(query)[:MOST_WORDS]]

    def __len__(self) -> int:
        return len(self._query)

    def in_order(self, text: Sequence[str]) -> int:
        """Words matched, at most `len(self)`; O(len(text) * len(self) / 32)."""
        return _matched(self._query, self._coded(text))

    def densest(self, text: Sequence[str]) -> float:
        """The largest share that is matched of any `WINDOW` content words of the query in a row, in [0, 1].

        Of all of them where there are no more. Windows overlap by half; the last one ends with the query.
        """
        last = max(0, len(self._query) - WINDOW)
        coded = self._coded(text)
        windows = [self._query[at : at + WINDOW] for at in sorted({*range(0, last, WINDOW // 2), last})]
        return max(_matched(window, coded) / max(1, len(window)) for window in windows)

    def _coded(self, text: Sequence[str]) -> list[int]:
        return [self._codes.get(w, -1) for w in _content(text)]


def _matched(query: list[int], text: list[int]) -> int:
    size = len(query)
    if not size:
        return 0
    starts = range(0, max(1, len(text) - size), size)
    return max(int(LCSseq.similarity(query, text[at : at + 2 * size])) for at in starts)


def _content(found: Sequence[str]) -> list[str]:
    return [stem(w) for w in found if w not in FUNCTION_WORDS]
