"""ReliabilityRAG with a generator: answer from the largest set of documents whose answers do not contradict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from pydantic import Field

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.context.reliability_rag import maximum_independent_set
from defenses.generation._asking import abstains, alone, ask, ask_each, verdict, weigh
from defenses.generation._keywords import same_answer
from defenses.generator import Generator
from sentinel.manifest import Cost, Need, Stage
from sentinel.text import words
from sentinel.vocabulary import Request, Threat

CONTRADICTS = "contradicts the largest set of documents that agree"
_COMPARE = (
    "Above stand two answers to the question, found in different places. Can both be right at once? Differences in "
    "wording or detail do no harm; different facts do. Write yes or no, nothing else."
)


class ReliabilityAnswers(GenerationDefense):
    """ReliabilityRAG (NeurIPS 2025, arXiv 2509.23519) with the generator's own answer from each document.

    As published: an answer per document, an edge where two contradict each other, "I don't know" without edges, the
    maximum independent set by exhaustive search, ties to the best ranks, and the answer from the documents in it. In
    place of an NLI model the answers' words are compared, or, with `judge="generator"`, the generator is asked for
    each pair of different answers. Documents stay in the order in which they were served; the paper turns it round.

    n distinct documents: n + 1 model calls in two steps; with the generator as judge, d (d - 1) / 2 more in a third
    for d different answers among them. One without documents. Honest majority is assumed. Copies word for word are
    one document. Those of which the model knows no answer contradict nothing and stay.
    """

    manifest = DefenseManifest(
        name="reliability_answers",
        summary="answer from the largest set of documents whose answers do not contradict (ReliabilityRAG)",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.POISONING, Threat.INJECTION}),
        needs=frozenset({Need.GENERATOR}),
        cost=Cost.MODEL_CALL,
        guarantee="no two documents that it answers from gave answers found to contradict each other",
        baseline=True,
        source="ReliabilityRAG, arXiv 2509.23519, section 3, prompts ours",
    )

    judge: Literal["wording", "generator"] = Field("wording", description="what decides whether two answers conflict")
    nodes: int = Field(15, ge=1, le=20, description="best-ranked documents searched; others must not contradict them")
    max_tokens: int = Field(32, ge=1, le=4096, description="longest answer from one document, in tokens")

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Answer from each document, find the set, answer from it."""
        if not asked.documents:
            return Generated(ask(generator, [asked.prompt])[0], 1)
        texts = list(dict.fromkeys(asked.documents))
        answers, calls, too_long = ask_each(generator, [alone(asked, text) for text in texts], self.max_tokens)
        edges, more = self._edges(answers, asked.question, generator, request, resources)
        why = {texts[i]: "longer than the generator's window" for i in too_long}
        why |= {texts[i]: CONTRADICTS for i in self._outside(edges)}
        dropped = {position: why[text] for position, text in enumerate(asked.documents) if text in why}
        kept = [text for position, text in enumerate(asked.documents) if position not in dropped]
        final = asked.write(kept) if dropped else asked.prompt
        return Generated(ask(generator, [final])[0], calls + more + 1, dropped)

    def _outside(self, edges: Sequence[set[int]]) -> set[int]:
        """The documents outside the set, by place; those beyond the first `nodes` only if they contradict it."""
        linked = [i for i, others in enumerate(edges) if others]
        nodes = linked[: self.nodes]
        masks = [sum(1 << place for place, other in enumerate(nodes) if other in edges[i]) for i in nodes]
        chosen = {nodes[place] for place in maximum_independent_set(masks)}
        return {i for i in linked if i not in chosen and (i in nodes or edges[i] & chosen)}

    def _edges(
        self, answers: Sequence[str], question: str, generator: Generator, request: Request, resources: Resources
    ) -> tuple[list[set[int]], int]:
        """For each answer those that contradict it, and how many prompts it took to say so."""
        said: dict[tuple[str, ...], list[int]] = {}
        for place, answer in enumerate(answers):
            if not abstains(answer):
                said.setdefault(words(answer), []).append(place)
        groups = list(said.values())
        pairs = list(combinations(range(len(groups)), 2))
        readings = [(answers[groups[a][0]], answers[groups[b][0]]) for a, b in pairs]
        agree = [same_answer(left, right, question) for left, right in readings]
        calls = 0
        if self.judge == "generator" and pairs:
            source = resources.random.for_request(request, self.manifest.name)
            prompts = [
                weigh(_COMPARE, question, source, notes=[("answer", left), ("answer", right)])
                for left, right in readings
            ]
            # What cannot be read is decided by the words.
            for i, reply in enumerate(ask(generator, prompts, 8)):
                found = verdict(reply, ("yes", "no"))
                agree[i] = agree[i] if found is None else found == "yes"
            calls = len(prompts)
        edges: list[set[int]] = [set() for _ in answers]
        for (a, b), fine in zip(pairs, agree, strict=True):
            if not fine:
                for i in groups[a]:
                    edges[i].update(groups[b])
                for j in groups[b]:
                    edges[j].update(groups[a])
        return edges, calls
