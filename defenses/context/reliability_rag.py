"""ReliabilityRAG: serve the largest set of documents of which no two contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._answers import answer, contradictions
from defenses.context._likeness import by_wording
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


def maximum_independent_set(neighbours: Sequence[int]) -> list[int]:
    """The largest set of nodes without an edge between two of them; of several, the lexicographically first.

    Exact: every subset is represented by a bit mask, and each mask is solved once.

    Args:
        neighbours: For each node, in order of rank, its neighbours as a bit mask.
    """

    @cache
    def size(free: int) -> int:
        if not free:
            return 0
        node = (free & -free).bit_length() - 1
        rest = free & ~(1 << node)
        if not neighbours[node] & rest:
            return 1 + size(rest)
        return max(1 + size(rest & ~neighbours[node]), size(rest))

    chosen: list[int] = []
    free = (1 << len(neighbours)) - 1
    for node in range(len(neighbours)):
        if free >> node & 1:
            rest = free & ~(1 << node)
            if 1 + size(rest & ~neighbours[node]) == size(free):
                chosen.append(node)
                rest &= ~neighbours[node]
            free = rest
    return chosen


class ReliabilityRag(SelectionDefense):
    """ReliabilityRAG's independent set (NeurIPS 2025, arXiv 2509.23519) over answers found without a model.

    As published: an answer per document, an edge where two contradict each other, "I don't know" without edges, the
    maximum independent set by exhaustive search, ties to the best ranks. In place of a generator and an NLI model,
    the phrase nearest to the question's words (`_answers`); questions that want a clause have no edges, and nothing
    is dropped. Copies word for word are one node, and ranks go by similarity, so that neither copies nor order
    sway the outcome. Honest majority is assumed: five planted documents that agree outvote one good passage.
    """

    manifest = DefenseManifest(
        name="reliability_rag",
        summary="serve the largest set of documents that do not contradict each other (ReliabilityRAG)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        cost=Cost.MILLISECONDS,
        baseline=True,
        source="ReliabilityRAG, arXiv 2509.23519, section 3, answers ours",
    )

    nodes: int = Field(15, ge=1, le=20, description="best-ranked documents searched; others must not contradict them")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what stands outside the set."""
        same = by_wording(evidence)
        query = evidence.query_words
        edges = contradictions([answer(query, evidence.candidates[copies[0]].text) for copies in same])
        linked = [row for row in range(len(same)) if edges[row].any()]
        nodes = linked[: self.nodes]
        masks = [sum(1 << column for column, other in enumerate(nodes) if edges[row, other]) for row in nodes]
        chosen = [nodes[i] for i in maximum_independent_set(masks)]
        gone = {row for row in linked if row not in chosen and (row in nodes or edges[row, chosen].any())}
        why = "contradicts the largest set of documents that agree"
        return Selection.without(evidence, {evidence.candidates[i].position: why for row in gone for i in same[row]})
