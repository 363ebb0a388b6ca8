"""The answer's half of the configuration: the generator, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from defenses import DEFENSES, Defense, build
from sentinel.errors import ConfigurationError, unknown_name
from sentinel.manifest import Stage
from strategist._named import Named
from strategist._section import ModelName, Section, at
from strategist.answer_setup import NoContext
from strategist.rag_prompt import RagTemplate
from strategist.resilience import FailureMode


class DefenseSpec(Named):
    """A defense of the answer's half, and its parameters. In YAML a bare name will do.

    Attributes:
        name: As `sentinel-bench list defenses` shows it; one of this stage.
        parameters: What differs from its defaults.
    """

    stage: ClassVar[Stage]

    @model_validator(mode="after")
    def _known(self) -> DefenseSpec:
        stage = self.stage.value
        here = [name for name, manifest in DEFENSES.manifests().items() if getattr(manifest, "stage", None) == stage]
        if self.name not in here:
            if self.name not in DEFENSES.names():
                raise at(("name",), unknown_name(f"{stage} defense", self.name, here))
            where = DEFENSES.get(self.name).manifest.stage.value
            raise at(("name",), ConfigurationError(f"{self.name} works at the stage {where}, not {stage}"))
        fields = DEFENSES.get(self.name).model_fields
        for key in self.parameters:
            if key not in fields:
                raise at(("parameters", key), unknown_name(f"parameter of {self.name}", key, fields))
        try:
            self.build()
        except ConfigurationError as error:
            found = str(error).removeprefix(f"{self.name}.").partition(" ")[0].partition(".")[0]
            raise at(("parameters", found), error) from None
        return self

    def build(self) -> Defense:
        """The defense itself."""
        return build(self.name, self.parameters)


class PromptDefenseSpec(DefenseSpec):
    """A prompt defense."""

    stage = Stage.PROMPT


class GenerationDefenseSpec(DefenseSpec):
    """A generation defense."""

    stage = Stage.GENERATION


class AnswerDefenseSpec(DefenseSpec):
    """An answer defense."""

    stage = Stage.ANSWER


def _told(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ConfigurationError as error:
        raise at(("user",), error) from None


class AnswerSpec(Section):
    """What `DefendedRAG` takes beside its retriever; see there for what each field means.

    Attributes:
        generator: Name, folder or file of what answers; what a program gives in Python goes before it.
        prompt_defenses: Prompt defenses; the last is outermost.
        generation: The generation defense.
        answer_defenses: Answer defenses, in the order in which they check.
        template: The wording of the prompt.
        max_tokens: The longest answer, in tokens.
        on_error: When a part of this half fails; None for what holds for the retriever.
        no_context: What to do where no documents were served.
    """

    generator: ModelName | None = None
    prompt_defenses: tuple[PromptDefenseSpec, ...] = ()
    generation: GenerationDefenseSpec | None = None
    answer_defenses: tuple[AnswerDefenseSpec, ...] = ()
    template: Annotated[RagTemplate, WrapValidator(_told)] | None = None
    max_tokens: int | None = Field(None, ge=1, strict=True)
    on_error: FailureMode | None = None
    no_context: NoContext = "ask"

    @model_validator(mode="after")
    def _once(self) -> AnswerSpec:
        for key in ("prompt_defenses", "answer_defenses"):
            seen: set[str] = set()
            for place, spec in enumerate(getattr(self, key)):
                if spec.name in seen:
                    raise at((key, place), ConfigurationError(f"{key} names {spec.name} twice"))
                seen.add(spec.name)
        return self

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What `DefendedRAG` is to be built with, but for its retriever.

        Args:
            given: Options from Python. A generator among them overrules; nothing else may stand in both.

        Raises:
            ConfigurationError: Something stands in both, or there is no generator, or none of that name.
        """
        made = {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}
        if "generator" in given:
            made.pop("generator", None)
        elif "generator" not in made:
            raise ConfigurationError("generator is missing: name one under answer, or give it in Python")
        both = sorted(made.keys() & given.keys())
        if both:
            raise ConfigurationError(f"{both[0]} is given in Python and in the configuration")
        for key in ("prompt_defenses", "answer_defenses"):
            if key in made:
                made[key] = [spec.build() for spec in made[key]]
        if "generation" in made:
            made["generation"] = made["generation"].build()
        return {**made, **given}
