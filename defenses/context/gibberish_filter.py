"""Drop passages that hold a long run of words that no sentence would put side by side."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel._located import located
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat
from sentinel.wording import FUNCTION_WORDS

FUNCTION_COST = 3.0
"""What a function word takes from a run. Running text has one in two or three words: its runs stay near nothing."""
LIST_COST = 2.0
"""What a list's comma or bracket takes: names in a row are no noise."""
_LIST = re.compile(r"[,;:()\[\]|\t\n]|[–—.]\s")
_ODD = re.compile(r"[^\s\w'’\"“”.,;:!?()\[\]/%&$£€°+=<>*|–—‐-]|##")
_SHORT = 4


@lru_cache(maxsize=2048)
def longest_noise(text: str) -> float:
    """The weight of the heaviest run of words without the small words that hold sentences together.

    The largest sum over consecutive words (Kadane's algorithm, linear time): 1 for each word, one more where an odd
    sign stands before it, 0 for a number, minus `FUNCTION_COST` for a function word and minus `LIST_COST` for a
    list's sign. Function words are the English ones and, for other languages, short words that the text repeats.
    """
    found, spans = located(text)
    counts = Counter(word for word in found if len(word) <= _SHORT)
    best = run = 0.0
    before = 0
    for word, (start, end) in zip(found, spans, strict=True):
        gap = text[before:start] if start >= before else ""
        before = end
        if gap != " ":
            if _LIST.search(gap):
                run = max(0.0, run - LIST_COST)
            run += bool(_ODD.search(gap))
        if word in FUNCTION_WORDS or counts[word] > 1:
            run = max(0.0, run - FUNCTION_COST)
        elif not word.isdigit():
            run += 1.0
            best = max(best, run)
    return best


class GibberishFilter(SelectionDefense):
    """Drops each candidate with a run of words that hang together by nothing.

    Against optimised tokens: PoisonedRAG's HotFlip prefix, corpus poisoning (arXiv 2310.19156), blockers
    (2406.05870), DGEA's suffix. No language model: such tokens are chosen for their gradients, and hardly ever are
    they "of", "the" or a comma. Records in telegram style look like that too. Where the corpus was scanned, its own
    frequent words and pairs of words tell the two apart (`TextStatistics.salad`): only what is noise by both counts
    goes, and shorter runs of that suffice (`known` in place of `run`). Runs that are shorter still stand in many a good
    text, in names and in phonetic signs, but hardly ever in one that looks planted by everything else that is measured
    of it: with `suspected`, they do for what the Sentinel suspects at least at `suspicion`.

    Fluent optimised text (AdvDecoding) passes, as it does every perplexity filter; so does an attacker who pays for
    function words in between.
    """

    manifest = DefenseManifest(
        name="gibberish_filter",
        summary="drop documents with a long run of words that hang together by nothing",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.JAMMING}),
        cost=Cost.MILLISECONDS,
        source="ours, against HotFlip prefixes, arXiv 2402.07867 and 2310.19156",
    )

    run: float = Field(15.0, ge=3.0, le=1000.0, description="weight of a run of noise from which a passage is dropped")
    known: float = Field(10.0, ge=3.0, le=1000.0, description="likewise, where the corpus's words confirm it")
    suspected: float | None = Field(
        None, ge=3.0, le=1000.0, description="likewise, where besides the passage is suspected; none: as `known`"
    )
    suspicion: float = Field(0.01, ge=0.0, le=1.0, description="from which suspicion on `suspected` holds")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what holds noise; a text that the corpus cannot judge is judged without it."""
        statistics = None if evidence.corpus is None else evidence.corpus.text
        dropped: dict[int, str] = {}
        for candidate in evidence.candidates:
            noise, least = longest_noise(candidate.text), self.run
            known = self._known(candidate.position, profile)
            # A run by the corpus alone would not do either, so that the cheap count spares most passages the other.
            if (
                statistics is not None
                and noise >= known
                and not math.isnan(confirmed := statistics.salad(candidate.text))
            ):
                noise, least = min(noise, confirmed), known
            if noise >= least:
                dropped[candidate.position] = f"a run of {noise:.0f} words without a sentence"
        return Selection.without(evidence, dropped)

    def _known(self, position: int, profile: RiskProfile) -> float:
        """The run that will do where the corpus confirms it; what nobody evaluated is judged without suspicion."""
        if self.suspected is None or not profile.suspicion_of(position, self.manifest.threats) >= self.suspicion:
            return self.known
        return min(self.known, self.suspected)
