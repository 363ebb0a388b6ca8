"""Drop candidates that answer the question otherwise than several independent sources do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._answers import Kind, answer, contradictions
from defenses.context._likeness import TOLERANCE, by_wording, groups, resemblance
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class ContradictionFilter(SelectionDefense):
    """Drops a candidate whose answer a better-supported one contradicts.

    Each candidate's answer is the name, number, date, yes or no that stands nearest to the question's words
    (`_answers`). Its support is the number of *independent* candidates that do not contradict it but give an answer
    too: near-duplicates (`wording`, `cosine`) count once, so that five rephrasings of one lie are one source.
    A candidate goes if an answer that contradicts it has `margin` more sources.

    What it cannot do: one planted document against one good passage is one source against one, and both stay; five
    planted ones of really different wording and vectors outvote a single good passage, as in every method that
    counts. Yes and no are told apart by negation alone, too weak to drop for, and are left out unless `polarity`.
    """

    manifest = DefenseManifest(
        name="contradiction_filter",
        summary="drop documents that contradict several independent sources",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        cost=Cost.MILLISECONDS,
        source="ours, after ReliabilityRAG, arXiv 2509.23519",
    )

    margin: int = Field(2, ge=1, le=50, description="sources that the other side must have more")
    coverage: float = Field(0.6, gt=0.0, le=1.0, description="share of the question that an answering sentence holds")
    wording: float = Field(0.3, gt=0.0, le=1.0, description="resemblance of word 3-grams of dependent sources")
    cosine: float = Field(0.8, gt=0.0, le=1.0, description="cosine of dependent sources, where vectors are known")
    polarity: bool = Field(False, description="weigh yes against no as well")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the side with less support; nothing where it is even."""
        same = by_wording(evidence)
        first = [copies[0] for copies in same]
        texts = [evidence.candidates[i].text for i in first]
        answers = [answer(evidence.query_words, text, self.coverage) for text in texts]
        if not self.polarity:
            answers = [found if found and found.kind is not Kind.POLARITY else None for found in answers]
        edges = contradictions(answers)
        if not edges.any():
            return Selection.all_of(evidence)
        linked = resemblance(texts) >= self.wording
        if evidence.cosines is not None:
            for row, copies in enumerate(same):
                closest = evidence.cosines[copies].max(axis=0)
                linked[row] |= np.array([closest[other].max() for other in same]) >= self.cosine - TOLERANCE
        known = np.array([found is not None for found in answers])
        agree = known[:, None] & known[None, :] & ~edges
        support = np.array([self._sources(np.flatnonzero(row), linked | linked.T) for row in agree])
        dropped: dict[int, str] = {}
        for row in (int(i) for i in np.flatnonzero(edges.any(axis=1))):
            against = int(support[edges[row]].max())
            if against >= support[row] + self.margin:
                for i in same[row]:
                    why = f"contradicts an answer of {against} independent sources, its own has {support[row]}"
                    dropped[evidence.candidates[i].position] = why
        return Selection.without(evidence, dropped)

    @staticmethod
    def _sources(members: NDArray[np.intp], linked: NDArray[np.bool_]) -> int:
        within = linked[np.ix_(members, members)]
        return len(members) - sum(len(group) - 1 for group in groups(within))
