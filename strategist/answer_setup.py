"""What answers every request alike: the generator, and the defenses around it that a user configured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from defenses import AnswerDefense, AttentiveGenerator, Defense, GenerationDefense, Generator, PromptDefense, build
from sentinel.errors import ConfigurationError
from sentinel.manifest import Need, Stage
from strategist._planned import in_order
from strategist._private_answers import check_private
from strategist.plan import DefensePlan
from strategist.policies import Policy
from strategist.rag_prompt import Template, template_of
from strategist.resilience import FailureMode

NoContext = Literal["ask", "decline"]
_KINDS = {Stage.PROMPT: PromptDefense, Stage.GENERATION: GenerationDefense, Stage.ANSWER: AnswerDefense}


class AnswerOptions(Protocol):
    """The options of `DefendedRAG` that are about the answer; see there."""

    generator: Any
    prompt_defenses: Sequence[Any]
    generation: Any
    answer_defenses: Sequence[Any]
    template: Any
    max_tokens: int | None
    on_error: FailureMode | None
    no_context: NoContext


@dataclass(frozen=True, slots=True)
class AnswerSetup:
    """What answers every request alike; see `DefendedRAG`."""

    generator: Generator
    template: Template
    prompt_defenses: tuple[PromptDefense, ...] = ()
    generation: GenerationDefense | None = None
    answer_defenses: tuple[AnswerDefense, ...] = ()
    max_tokens: int | None = None
    on_error: FailureMode = FailureMode.DEGRADE
    no_context: NoContext = "ask"
    config: str = ""

    @classmethod
    def of(cls, given: AnswerOptions, mode: FailureMode, policy: Policy) -> Self:
        """Make it of what a user gave.

        Args:
            given: The options, with the generator itself among them.
            mode: The retriever's failure mode.
            policy: What plans for the retriever.

        Raises:
            ConfigurationError: Something is unknown or of another kind, or two of them do not go together.
        """
        generator: Generator = given.generator
        template = template_of(given.template)
        before = _defenses("prompt_defenses", given.prompt_defenses, PromptDefense)
        chosen = _defenses("generation", [] if given.generation is None else [given.generation], GenerationDefense)
        behind = _defenses("answer_defenses", given.answer_defenses, AnswerDefense)
        asking = next(iter(chosen), None)
        attentive = isinstance(generator, AttentiveGenerator)
        if asking is not None and Need.ATTENTION in asking.manifest.needs and not attentive:
            raise ConfigurationError(
                f"generation: {asking.manifest.name} needs a generator whose attention can be read, a "
                f"transformers model in this process; {generator.name} is none"
            )
        check_private(asking, before, behind, policy)
        settings = {
            "defenses": [(d.manifest.name, d.model_dump()) for d in (*before, *chosen, *behind)],
            "generator": [generator.name, getattr(generator, "fingerprint", None)],
            "template": [repr(template.write("{question}", documents)) for documents in (["{document}"], [])],
            "not_found": template.not_found,
            "max_tokens": given.max_tokens,
            "on_error": given.on_error,
            "no_context": given.no_context,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=_plain).encode()).hexdigest()[:16]
        return cls(
            generator,
            template,
            before,
            asking,
            behind,
            given.max_tokens,
            given.on_error or mode,
            given.no_context,
            digest,
        )

    @property
    def defends(self) -> bool:
        """Whether anything is in force for every request."""
        return bool(self.prompt_defenses or self.generation or self.answer_defenses)

    def in_force(self, stage: Stage, plan: DefensePlan) -> tuple[Any, ...]:
        """The defenses of a stage: what is configured, as it is configured, and on top what a request's plan names."""
        configured = {
            Stage.PROMPT: self.prompt_defenses,
            Stage.GENERATION: () if self.generation is None else (self.generation,),
            Stage.ANSWER: self.answer_defenses,
        }[stage]
        names = {defense.manifest.name for defense in configured}
        planned = (defense for defense in in_order(plan, stage) if isinstance(defense, _KINDS[stage]))
        return (*configured, *(defense for defense in planned if defense.manifest.name not in names))


def _plain(value: object) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _defenses(option: str, given: Any, kind: Any) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"{option} must be a list of defenses or their names")
    made = []
    for one in given:
        defense: Any = one
        if isinstance(one, str):
            defense = build(one)
        elif (
            isinstance(one, tuple | list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], Mapping)
        ):
            defense = build(one[0], one[1])
        if not isinstance(defense, kind):
            what = (
                f"{defense.manifest.name} works at the stage {defense.manifest.stage.value}"
                if isinstance(defense, Defense)
                else f"{type(one).__name__} is no defense, name, or pair of name and parameters"
            )
            raise ConfigurationError(f"{option}: {what}")
        made.append(defense)
    names = [defense.manifest.name for defense in made]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"{option} names {twice[0]} twice")
    return tuple(made)
