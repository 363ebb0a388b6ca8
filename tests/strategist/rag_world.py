"""Generators and defenses that the tests of `DefendedRAG` are made of."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from defenses import (
    DEFENSES,
    AnswerDefense,
    Checked,
    DefenseManifest,
    Framed,
    Generated,
    GenerationDefense,
    PromptDefense,
    Resources,
)
from sentinel import DataError, Request, Stage, Threat
from sentinel.manifest import Need
from strategist import DefendedRAG, FailureMode, RagTemplate
from strategist.answer_setup import AnswerSetup
from strategist.answering import Answering
from strategist.decision import Decision
from strategist.guard import Guard
from strategist.pieces import pieces
from strategist.resilience import Resilience
from tests.strategist.world import Ranked, corpus

ANSWER = "The bridge closes at nine."
CALLER = {"configurable": {"client_id": "client-77", "tenant": "tenant-12", "trust": 0.987654321}}
THREATS = frozenset({Threat.EXTRACTION})


class Scripted:
    """Answers as it is told, whole or in pieces, and remembers what it was asked.

    Args:
        answer: The answer, or a function of the prompt.
        sizes: How long the pieces are, in turn; one character where they run out.
        window: The longest prompt, in characters.
    """

    name = "scripted"

    def __init__(self, answer=ANSWER, sizes=(), window=None):
        self.answer, self.sizes, self.window = answer, sizes, window
        self.prompts, self.limits, self.given, self.closed = [], [], 0, threading.Event()

    def _answered(self, prompt, max_tokens):
        self.prompts.append(prompt)
        self.limits.append(max_tokens)
        if self.window is not None and len(prompt.user) > self.window:
            raise DataError(f"{len(prompt.user)} characters; fewer than {self.window}")
        return self.answer(prompt) if callable(self.answer) else self.answer

    def generate(self, prompts, *, max_tokens=None):
        return [self._answered(prompt, max_tokens) for prompt in prompts]

    def stream(self, prompt, *, max_tokens=None):
        return Chunks(self, prompt, max_tokens)


class Chunks:
    """The pieces of an answer; nothing but `close` closes it."""

    def __init__(self, generator, prompt, max_tokens):
        self.generator, self.asked, self.text, self.at = generator, (prompt, max_tokens), None, 0
        self.sizes = iter(generator.sizes)

    def __iter__(self):
        return self

    def __next__(self):
        if self.text is None:
            self.text = self.generator._answered(*self.asked)
        start, self.at = self.at, self.at + next(self.sizes, 1)
        if start >= len(self.text):
            raise StopIteration
        self.generator.given += 1
        return self.text[start : self.at]

    def close(self):
        self.generator.closed.set()


class Whole(Scripted):
    """One that cannot stream."""

    stream = None


class Attentive(Scripted):
    def generate_isolated(self, prompts, *, max_tokens=None):
        return self.generate(prompts, max_tokens=max_tokens)

    def document_attention(self, prompts, *, max_tokens=None):
        return [(answer, []) for answer in self.generate(prompts, max_tokens=max_tokens)]

    def next_token_probabilities(self, prompts, answers):
        return None, []


def manifest(name, stage, **more):
    return DefenseManifest(name=name, summary="x", stage=stage, threats=THREATS, **more)


class Redact(AnswerDefense):
    manifest = manifest("redact", Stage.ANSWER)
    word: str = "secret"

    @property
    def look_back(self):
        return len(self.word) - 1

    def check(self, draft, request, resources):
        found = draft.text.count(self.word)
        return Checked(draft.text.replace(self.word, "*"), (f"{found} words",) if found else ())


class Halt(AnswerDefense):
    manifest = manifest("halt", Stage.ANSWER)
    word: str = "HALT"

    @property
    def look_back(self):
        return len(self.word) - 1

    def check(self, draft, request, resources):
        before, found, _ = draft.text.partition(self.word)
        return Checked(before, ("halted",) if found else (), bool(found))


class Held(AnswerDefense):
    """Holds back what it has not decided, as a word is only known at its end."""

    manifest = manifest("held", Stage.ANSWER)
    look_back: ClassVar = 0

    def check(self, draft, request, resources):
        whole = draft.text if draft.final else draft.text[: draft.text.rfind(" ") + 1]
        return Checked(" ".join("#" if word == "ab" else word for word in whole.split(" ")))


class AsAWhole(AnswerDefense):
    manifest = manifest("as_a_whole", Stage.ANSWER)
    look_back: ClassVar = None

    def check(self, draft, request, resources):
        assert draft.final
        return Checked("" if "leak" in draft.text else draft.text, ("leak",) if "leak" in draft.text else ())


class Doing(AnswerDefense):
    """Runs a function of the draft."""

    manifest = manifest("doing", Stage.ANSWER)
    act: Any = None
    back: int | None = 0

    @property
    def look_back(self):
        return self.back

    def check(self, draft, request, resources):
        return self.act(draft)


class Frame(PromptDefense):
    manifest = manifest("brackets", Stage.PROMPT)
    act: Any = None

    def frame(self, documents, request, resources):
        if self.act is not None:
            return self.act(documents)
        return Framed(tuple(f"<{text}>" for text in documents), "Mind the brackets.")


class Twice(GenerationDefense):
    """Asks for each document."""

    manifest = manifest("twice", Stage.GENERATION, needs=frozenset({Need.GENERATOR}))
    act: Any = None

    def generate(self, asked, generator, request, resources):
        if self.act is not None:
            return self.act(asked, generator)
        answers = generator.generate([asked.write([text]) for text in asked.documents])
        return Generated(f"{len(set(answers))} of {len(answers)}", len(answers), {0: "apart"}, (1.0, 1e-6))


class Looks(Twice):
    manifest = manifest("looks", Stage.GENERATION, needs=frozenset({Need.ATTENTION}))


def register(monkeypatch, *kinds):
    """Make defenses known by their names for one test."""
    DEFENSES.names()
    for kind in kinds:
        monkeypatch.setitem(DEFENSES._classes, kind.manifest.name, kind)


def rag(generator=None, documents=None, **options):
    base = Ranked(docs=corpus() if documents is None else documents, k=3)
    return DefendedRAG(retriever=options.pop("retriever", base), generator=generator or Scripted(), **options)


def answering(
    generator, *checks, streamed=True, mode="enforced", on_error=FailureMode.DEGRADE, texts=("one", "two"), guard=None
):
    """The answer's half alone, without threads: the pieces and the record, or the error."""
    setup = AnswerSetup(generator, RagTemplate(), answer_defenses=checks, on_error=on_error)
    decision = Decision(Request("what is it", 3, time=0.0), "fixed", "0", mode=mode)
    guard = guard or Guard(Resilience.unlimited())
    course = Answering(setup, guard, Resources(), decision, texts, streamed)
    return list(pieces(course.run(), guard)), decision
