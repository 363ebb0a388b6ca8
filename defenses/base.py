"""What a defense is: a frozen set of validated parameters with one method, and a manifest beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from defenses.generator import Generator, Prompt
from defenses.resources import RandomSource as RandomSource
from defenses.resources import Resources as Resources
from defenses.resources import SeededRandomSource as SeededRandomSource
from defenses.resources import SystemRandomSource as SystemRandomSource
from sentinel.errors import ConfigurationError, unknown_name
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Manifest, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.registry import Registry
from sentinel.vocabulary import Request, Threat

NOT_FOUND = "I could not find an answer to that."
"""One wording for whatever keeps an answer back, so that it does not tell a missing document from a hidden one."""


class DefenseManifest(Manifest):
    """What a policy may know of a defense without running it.

    Attributes:
        stage: Where in the flow it works.
        threats: What it is for.
        needs: What it cannot work without.
        cost: Order of magnitude of one request at k = 15.
        guarantee: What is proven about it, or "none".
        baseline: True for a published method that is kept to be compared with, not recommended.
        reads: Names of the signals whose raw values it looks at; they are measured although no model may read them.
    """

    stage: Stage
    threats: frozenset[Threat]
    needs: frozenset[Need] = frozenset()
    cost: Cost = Cost.MICROSECONDS
    guarantee: str = "none"
    baseline: bool = False
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a retrieval or context defense decided. Positions are `Candidate.position`.

    Attributes:
        keep: The positions that may be served, in the order in which they came.
        dropped: The positions that may not, each with the reason in words that hold no user text.
        replaced: New text for kept positions, where a part of the passage was cut out.
    """

    keep: tuple[int, ...]
    dropped: Mapping[int, str] = field(default_factory=dict)
    replaced: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def all_of(cls, evidence: Evidence) -> Selection:
        """Keep every candidate."""
        return cls(tuple(c.position for c in evidence.candidates))

    @classmethod
    def without(cls, evidence: Evidence, dropped: Mapping[int, str]) -> Selection:
        """Keep every candidate but those in `dropped`."""
        return cls(tuple(c.position for c in evidence.candidates if c.position not in dropped), dropped)


class Defense(BaseModel, ABC):
    """Base of every defense. Its fields are its parameters: typed, with ranges, validated once at planning.

    Instances are immutable and hold no per-request state: one instance serves all threads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: ClassVar[DefenseManifest]


class QueryDefense(Defense):
    """Rewrites what is searched for."""

    @abstractmethod
    def rewrite(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> str:
        """The query to search with; never empty. The client's own query stands in `evidence.request`."""


class SelectionDefense(Defense):
    """Chooses among the candidates; never invents, mutates or reorders one."""

    @abstractmethod
    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Decide which candidates of `evidence.candidates` may be served.

        Args:
            evidence: The request and the candidates that earlier defenses left, in order.
            profile: The Sentinel's reading; its arrays run over *all* candidates, by position.
            resources: Sources of randomness, and the ledger.
        """


@dataclass(frozen=True, slots=True)
class Framed:
    """Documents made ready for a prompt.

    Attributes:
        documents: One text for each document, in the same order.
        system: What the system prompt has to say of them; "" where there is nothing to say.
    """

    documents: tuple[str, ...]
    system: str = ""

    @property
    def context(self) -> str:
        """The documents as one text, for the variable of a prompt template."""
        return "\n\n".join(self.documents)


class PromptDefense(Defense):
    """Decides how documents stand in the prompt. What it gives goes to the generator, never back to the client."""

    @abstractmethod
    def frame(self, documents: Sequence[str], request: Request, resources: Resources) -> Framed:
        """Frame documents for the generator; as many come out as went in, in the same order.

        Args:
            documents: The texts to be served, or what an earlier prompt defense made of them.
            request: Who asks what.
            resources: Sources of randomness.
        """


def frame(
    defenses: Sequence[PromptDefense], documents: Sequence[str], request: Request, resources: Resources
) -> Framed:
    """Apply prompt defenses one after another; the system texts stand under each other, the last applied first.

    A reader meets the outermost frame first, which is the last one put on.
    """
    framed = Framed(tuple(documents))
    for defense in defenses:
        outer = defense.frame(framed.documents, request, resources)
        framed = Framed(outer.documents, "\n\n".join(part for part in (outer.system, framed.system) if part))
    return framed


@dataclass(frozen=True, slots=True)
class Asked:
    """What the generator is to answer.

    Attributes:
        question: The client's own question.
        documents: The texts that were served, each as the prompt defenses framed it.
        prompt: The one prompt that is generated from where no defense decides otherwise.
        write: Makes a prompt of the same template from other documents: `write(documents)`; none for a prompt that
            has no documents at all.
    """

    question: str
    documents: tuple[str, ...]
    prompt: Prompt
    write: Callable[[Sequence[str]], Prompt]


@dataclass(frozen=True, slots=True)
class Generated:
    """What a generation defense made.

    Attributes:
        text: The answer.
        calls: How many prompts the generator was given.
        dropped: Positions of documents that were left out, each with the reason in words that hold no user text.
        spent: Privacy spent, as (epsilon, delta); None for a defense that gives no such guarantee.
    """

    text: str
    calls: int
    dropped: Mapping[int, str] = field(default_factory=dict)
    spent: tuple[float, float] | None = None


class GenerationDefense(Defense):
    """Decides how the generator is asked: how often, with which documents, with which attention. One for a request.

    One whose manifest needs `Need.ATTENTION` is only ever given an `AttentiveGenerator`.
    """

    @abstractmethod
    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Answer the question.

        Args:
            asked: The question, and its documents ready for the prompt; there may be none of them.
            generator: What answers prompts.
            request: Who asks what.
            resources: Sources of randomness, and the ledger.
        """


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or as much of it as has been written.

    Attributes:
        text: What the generator wrote, as the answer defenses before this one left it.
        documents: The texts that it was given, as they stand in the corpus.
        prompt: What it was asked with.
        final: False while more is to come.
    """

    text: str
    documents: tuple[str, ...]
    prompt: Prompt
    final: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """What an answer defense made of a draft.

    Attributes:
        text: What may be handed out.
        reasons: What was found, in words that hold no user text and no corpus text; empty where nothing was.
        stop: True if nothing that the generator still writes may follow.
    """

    text: str
    reasons: tuple[str, ...] = ()
    stop: bool = False


class AnswerDefense(Defense):
    """Checks what the generator wrote, whole or as it comes.

    Attributes:
        look_back: How many characters at the end of an unfinished answer may still change: for a draft that is not
            final, all of `check(...).text` but its last `look_back` characters is a prefix of what the check gives for
            every longer draft that begins with it. None: the answer can only be checked whole.
    """

    @property
    @abstractmethod
    def look_back(self) -> int | None:
        """See the class."""

    @abstractmethod
    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """What of a draft may be handed out.

        Args:
            draft: What was written, of what.
            request: Who asked.
            resources: Sources of randomness, and the ledger.
        """


DEFENSES: Registry[Defense] = Registry("defense", "defenses", Defense, without=frozenset({"training"}))


def build(name: str, parameters: Mapping[str, Any] | None = None) -> Defense:
    """Make a defense from its name and parameters.

    Raises:
        ConfigurationError: The name or a parameter is unknown, or a parameter is out of range.
    """
    component = DEFENSES.get(name)
    given = dict(parameters or {})
    for key in given:
        if key not in component.model_fields:
            raise unknown_name(f"parameter of {name}", key, component.model_fields)
    try:
        return component(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (name, *first["loc"]))
        raise ConfigurationError(f"{where} = {first['input']!r}: {first['msg']}") from None
