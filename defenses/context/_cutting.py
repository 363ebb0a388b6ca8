"""What filters have in common that cut offending sentences out of a passage and keep the rest."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar

from pydantic import Field

from defenses.base import Resources, Selection, SelectionDefense
from sentinel._located import Span, located, sentence_words, without
from sentinel.evidence import Evidence
from sentinel.profile import RiskProfile


def phrases(*patterns: str) -> re.Pattern[str]:
    """Compile patterns over normalised words, each with one space before it.

    `@` stands for one word and `@{0,4}` for up to four: every repetition has a bound, and a word is taken whole
    (possessive), so that each place of the text is tried a bounded number of times.
    """
    return re.compile("|".join(f"(?:{p})(?= |$)" for p in patterns).replace("@", "(?: [^ ]++)"))


@lru_cache(maxsize=2048)
def offending(
    pattern: re.Pattern[str], text: str, also: tuple[Callable[[tuple[str, ...]], bool], ...] = ()
) -> tuple[Span, ...]:
    """The sentences of a text that a match touches, by their places, and those of whose words one of `also` is true.

    The words are matched without their punctuation, so that stops between them hide nothing: a phrase over three
    "sentences" takes all three.
    """
    found, spans = located(text)
    starts = list(accumulate((len(word) + 1 for word in found), initial=0))
    hits: list[Span] = []
    for match in pattern.finditer("".join(f" {word}" for word in found)):
        if match.end() > match.start():
            first, last = bisect_right(starts, match.start()) - 1, bisect_right(starts, match.end() - 1) - 1
            hits.append((spans[first][0], spans[last][1]))
    touched: list[Span] = []
    for sentence, words in sentence_words(text):
        while hits and hits[0][1] <= sentence[0]:
            hits.pop(0)
        if (hits and hits[0][0] < sentence[1]) or (words and any(test(tuple(words)) for test in also)):
            touched.append(sentence)
    return tuple(touched)


class CuttingFilter(SelectionDefense):
    """Cuts the sentences that match `pattern` or any of `also` out of each candidate; drops it where little is left."""

    pattern: ClassVar[re.Pattern[str]]
    also: ClassVar[tuple[Callable[[tuple[str, ...]], bool], ...]] = ()
    what: ClassVar[str]

    least: int = Field(8, ge=1, le=1000, description="words beyond the question's own that must be left")
    most: float = Field(0.5, ge=0.0, le=1.0, description="share of its words from which a passage is dropped whole")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Cut or drop; a passage without a match stays as it is."""
        asked = frozenset(evidence.query_words)
        dropped: dict[int, str] = {}
        replaced: dict[int, str] = {}
        for candidate in evidence.candidates:
            cut = offending(self.pattern, candidate.text, self.also)
            if not cut:
                continue
            if self._stands(candidate.text, cut, asked):
                replaced[candidate.position] = without(candidate.text, cut)
            else:
                dropped[candidate.position] = f"{len(cut)} sentences {self.what}, and little else"
        kept = Selection.without(evidence, dropped)
        return Selection(kept.keep, kept.dropped, replaced)

    def _stands(self, text: str, cut: Sequence[Span], asked: frozenset[str]) -> bool:
        left = total = new = 0
        gone = set(cut)
        for sentence, found in sentence_words(text):
            total += len(found)
            if sentence not in gone:
                left += len(found)
                new += sum(word not in asked for word in found)
        return new >= self.least and total - left <= self.most * total
