"""Which words of an answer are quoted, from which words of which documents: alignment in linear time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from defenses.answer._reading import REACH, Word, read

LEAST = 5
"""Words in a row, gaps of `REACH` allowed, from which a likeness is a quotation and no coincidence."""
HOLD = LEAST * REACH
"""How many words further on a word can still become part of a quotation, or of a cut."""

PLACES = 4
"""Places of a pair of words that are known in one document: enough for prose, and little for what only repeats."""

Place = tuple[int, int]
"""A document, and a word of it, both by position."""


class Quotable:
    """What can be quoted: where pairs of neighbouring words stand in each document.

    A pair is known by its first `PLACES` places in a document, so that work stays linear whatever a document repeats.
    One place would not do: "of the" stands everywhere, and where words are put in between no other pair of the
    quotation is near enough to go around it.

    Args:
        documents: The texts.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        self.words = 0
        self._pairs: dict[tuple[str, str], list[tuple[Place, Place]]] = {}
        vocabulary: set[str] = set()
        for document, text in enumerate(documents):
            found = [word.text for word in read(text)]
            self.words += len(found)
            vocabulary.update(found)
            for at, word in enumerate(found):
                for before in range(max(0, at - REACH), at):
                    if not (word and found[before]):
                        continue
                    places = self._pairs.setdefault((found[before], word), [])
                    if len(places) < PLACES or places[-PLACES][0][0] != document:
                        places.append(((document, before), (document, at)))
        self.vocabulary = frozenset(vocabulary) - {""}

    def quoted(self, words: Sequence[Word]) -> list[set[Place]]:
        """For each word of an answer the places that it quotes; none for words of its own.

        A word quotes a place if a chain of `LEAST` words or more runs through both: each at most `REACH` words
        further on than the one before it, in the answer and in the document. So up to two words put in or left out
        after each one part nothing.
        """
        ends: list[dict[Place, int]] = [{} for _ in words]
        links: list[tuple[int, Place, int, Place]] = []
        for at, word in enumerate(words):
            for before in range(max(0, at - REACH), at):
                for source, target in self._pairs.get((words[before].text, word.text), ()):
                    length = min(ends[before].setdefault(source, 1) + 1, LEAST)
                    ends[at][target] = max(ends[at].get(target, 1), length)
                    links.append((before, source, at, target))
        begins: list[dict[Place, int]] = [dict.fromkeys(places, 1) for places in ends]
        for before, source, at, target in reversed(links):
            begins[before][source] = max(begins[before][source], min(begins[at][target] + 1, LEAST))
        return [
            {place for place, length in here.items() if length + begins[at][place] > LEAST}
            for at, here in enumerate(ends)
        ]


@lru_cache(maxsize=16)
def quotable(documents: tuple[str, ...]) -> Quotable:
    """What can be quoted of documents, known from the last time: an answer that is streamed is checked many times."""
    return Quotable(documents)
