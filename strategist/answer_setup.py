"""What answers every request alike: the generator, and the defenses around it that a user configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from defenses import AnswerDefense, GenerationDefense, Generator, PromptDefense
from sentinel.manifest import Stage
from strategist._planned import in_order
from strategist.plan import DefensePlan
from strategist.rag_prompt import Template
from strategist.resilience import FailureMode

NoContext = Literal["ask", "decline"]
_KINDS = {Stage.PROMPT: PromptDefense, Stage.GENERATION: GenerationDefense, Stage.ANSWER: AnswerDefense}


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
