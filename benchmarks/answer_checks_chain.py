"""Made answers handed out by the chain that users have: whole, in pieces, and with its prompts counted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from defenses import AnswerDefense, Draft, GenerationDefense, Prompt, Resources, SeededRandomSource
from sentinel.errors import ComponentError
from sentinel.vocabulary import Request
from strategist import DefendedRAG, DefendedRetriever
from strategist.decision import Decision
from strategist.rag_prompt import RagTemplate

LONGEST = 40
"""Characters of the longest piece of random size: a provider sends a word or a few at once."""


class Handed(NamedTuple):
    """What a client gets, and what the defense said of it."""

    text: str
    reasons: tuple[str, ...]


class Script:
    """A generator that gives an answer which is known beforehand, in pieces of any size.

    Attributes:
        answer: What it answers to every prompt.
        sizes: How long the next piece is, asked for each.
        prompts: How many prompts it was given.
    """

    name = "script"

    def __init__(self) -> None:
        self.answer = ""
        self.sizes: Callable[[], int] = lambda: 1
        self.prompts = 0

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """The known answer to each."""
        self.prompts += len(prompts)
        return [self.answer for _ in prompts]

    def stream(self, prompt: Prompt, *, max_tokens: int | None = None) -> Iterator[str]:
        """The known answer, piece by piece."""
        self.prompts += 1
        text, at = self.answer, 0
        while at < len(text):
            size = self.sizes()
            yield text[at : at + size]
            at += size


def single(draw: random.Random) -> int:
    """One character at a time."""
    return 1


def mixed(draw: random.Random) -> int:
    """Pieces of any size."""
    return draw.randint(1, LONGEST)


CHUNKS: dict[str, Callable[[random.Random], int]] = {"single characters": single, "random pieces": mixed}
"""Ways in which an answer may come."""


class Chain:
    """A plain retriever and a script with one defense of the answer's half behind it.

    Args:
        retriever: Hands over documents.
        defense: An answer or a generation defense.
    """

    def __init__(self, retriever: DefendedRetriever, defense: AnswerDefense | GenerationDefense) -> None:
        self.script = Script()
        self._decision: Decision | None = None
        answers = [defense] if isinstance(defense, AnswerDefense) else []
        generation = defense if isinstance(defense, GenerationDefense) else None
        self._rag = DefendedRAG(
            retriever=retriever,
            generator=self.script,
            generation=generation,
            answer_defenses=answers,
            sinks=[self._told],
        )

    def streamed(self, query: str, answer: str, size: Callable[[], int]) -> Handed:
        """What a client gets who has the answer to a question streamed.

        Args:
            query: The question.
            answer: What the generator writes.
            size: Gives the length of each piece, in characters.

        Raises:
            ComponentError: A part failed; no figure may hide that.
        """
        self.script.answer, self.script.sizes = answer, size
        text = "".join(piece.get("answer", "") for piece in self._rag.stream(query))
        decision = self._taken()
        return Handed(text, tuple(reason for finding in decision for reason in finding))

    def prompts(self, query: str, answer: str, client: str) -> int:
        """How many prompts the generator is given for a question if it answers each of them alike."""
        self.script.answer, self.script.prompts = answer, 0
        self._rag.invoke(query, {"configurable": {"client_id": client}})
        self._taken()
        return self.script.prompts

    def _told(self, decision: Decision) -> None:
        self._decision = decision

    def _taken(self) -> list[tuple[str, ...]]:
        decision, self._decision = self._decision, None
        assert decision is not None
        assert decision.answer is not None
        if decision.errors:
            component, error = next(iter(decision.errors.items()))
            raise ComponentError(component, error)
        return [finding.reasons for finding in decision.answer.findings]


def whole(
    defense: AnswerDefense, query: str, documents: tuple[str, ...], answer: str, seed: int
) -> tuple[Handed, float]:
    """What a client gets who waits for the whole answer, and the milliseconds that the check took."""
    template = RagTemplate()
    draft = Draft(answer, documents, template.write(query, documents))
    request, resources = Request(query, max(1, len(documents)), time=0.0), Resources(SeededRandomSource(seed))
    began = time.perf_counter()
    checked = defense.check(draft, request, resources)
    spent = (time.perf_counter() - began) * 1e3
    text = checked.text if checked.text.strip() else template.not_found
    return Handed(text, checked.reasons), spent
