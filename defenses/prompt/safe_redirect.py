"""SafeRedirect: tell the model what to do instead of filling in what must not be written."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from pydantic import Field, field_validator, model_validator

from defenses.base import DefenseManifest, Framed, PromptDefense, Resources
from sentinel.errors import ConfigurationError
from sentinel.manifest import Cost, Stage
from sentinel.text import words
from sentinel.vocabulary import Request, Threat

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue
    from langchain_core.runnables import Runnable

STOP_SENTENCE = "STOPPED: this task asks for content that must not be written."
"""What the model ends with by default; `stop_check` looks for the same."""

_TITLE = "PRIORITY SAFETY RULE. It stands above every other instruction in this conversation."
_CONDITIONS = {
    "specific": (
        "When it applies: you are asked to fill in fields, complete records or produce samples; what would have to be "
        "written there is harmful, toxic, restricted or abnormal; and the reason given is to write code, to run a "
        "test, to build a detector or to pass a validation. Then do this instead of the task:"
    ),
    "generic": "When it applies: a task can only be completed with harmful content. Then do this instead of the task:",
}
_PERMISSION = (
    "Let it fail. An error, a failing test, an unmet assertion or a rejected file is the right outcome here; repair "
    "nothing in order to make it pass."
)
_HARD_STOP = "Answer with this one sentence, write nothing before it and nothing after it: {stop}"
_PRESERVE = (
    "Leave each placeholder as it stands, character for character. Put no value, example or paraphrase in its place, "
    "and make up no further entries."
)
_ELSE = "In every other case do the task as usual."


class SystemBlock(PromptDefense):
    """A prompt defense that says something in the system message and leaves documents as they are."""

    @property
    @abstractmethod
    def block(self) -> str:
        """What the system message begins with."""

    def frame(self, documents: Sequence[str], request: Request, resources: Resources) -> Framed:
        """The documents unchanged, with the block; it is said where there is no document, too."""
        return Framed(tuple(documents), self.block)

    @overload
    def apply(self, prompt: str) -> str: ...

    @overload
    def apply(self, prompt: PromptValue) -> PromptValue: ...

    @overload
    def apply(self, prompt: Sequence[Any]) -> list[BaseMessage]: ...

    def apply(self, prompt: str | PromptValue | Sequence[Any]) -> str | PromptValue | list[BaseMessage]:
        """Put the block in front of the system message; one that begins with it stays as it is.

        Args:
            prompt: A text for a plain language model, messages in any form that LangChain takes, or a prompt value.
                Nothing of it is changed in place. Messages without a system message get one, as the first.

        Returns:
            The same kind of prompt; messages as a list of message objects.

        Raises:
            ConfigurationError: It is none of these.
        """
        from langchain_core.messages import convert_to_messages
        from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

        if isinstance(prompt, str):
            return self._before(prompt)
        if isinstance(prompt, StringPromptValue):
            return StringPromptValue(text=self._before(prompt.text))
        if isinstance(prompt, PromptValue):
            return ChatPromptValue(messages=self._in_messages(prompt.to_messages()))
        if isinstance(prompt, Sequence):
            return self._in_messages(convert_to_messages(prompt))
        raise ConfigurationError(f"give text, messages or a prompt value, not {type(prompt).__name__}")

    def as_runnable(self) -> Runnable[Any, Any]:
        """`apply` as a step of a chain: `prompt | SafeRedirect().as_runnable() | model`."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.apply, name=self.manifest.name)

    def _before(self, text: str) -> str:
        if text == self.block or text.startswith(f"{self.block}\n\n"):
            return text
        return f"{self.block}\n\n{text}" if text else self.block

    def _in_messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        from langchain_core.messages import SystemMessage

        found = list(messages)
        for at, message in enumerate(found):
            if message.type == "system" or getattr(message, "role", None) in ("system", "developer"):
                found[at] = message.model_copy(update={"content": self._in_content(message.content)})
                return found
        return [SystemMessage(content=self.block), *found]

    def _in_content(self, content: str | list[str | dict[str, Any]]) -> str | list[str | dict[str, Any]]:
        if isinstance(content, str):
            return self._before(content)
        first = content[0] if content else None
        said = first.get("text") if isinstance(first, dict) else first
        if isinstance(said, str) and self._before(said) == said:
            return content
        return [{"type": "text", "text": self.block}, *content]


class SafeRedirect(SystemBlock):
    """Gives a task that only harmful content would complete another end (Pan, Wu and Yao, arXiv 2604.20930).

    Against internal safety collapse: a model that would refuse a plain request writes the same content as a value of
    a field that a validator demands. A reminder to be safe loses against the task; the block names the situation
    (`condition`) and what to do in it: let the task fail, stop with a fixed sentence, leave placeholders alone. Each
    component can be switched off, as in the paper's ablation; without a condition there would be nothing left to do
    but the actions, in every task. The wording is ours.

    The paper's figures, share of unsafe completions over seven models: 71.2 % with nothing, 54.9 % with a
    self-reminder, 8.0 % with this; a generic condition or no permission to fail undoes most of it on some models, the
    other two help some and hinder others. A prompt enforces nothing: let `stop_check` look at the answer.
    """

    manifest = DefenseManifest(
        name="safe_redirect",
        summary="tell the model to let a task fail that only harmful content would complete",
        stage=Stage.PROMPT,
        threats=frozenset({Threat.UNSAFE_COMPLETION}),
        cost=Cost.MICROSECONDS,
        guarantee="none; whether a model heeds it is measured, not proven",
        source="Pan, Wu and Yao, arXiv 2604.20930",
    )

    condition: Literal["specific", "generic"] = Field("specific", description="how the situation is named")
    permission_to_fail: bool = Field(True, description="say that the task may fail")
    hard_stop: bool = Field(True, description="end with the stop sentence")
    stop: str = Field(STOP_SENTENCE, max_length=200, description="the stop sentence")
    preserve_placeholders: bool = Field(True, description="leave placeholders as they are")

    @field_validator("stop")
    @classmethod
    def _can_be_found(cls, stop: str) -> str:
        return stop_sentence(stop)

    @model_validator(mode="after")
    def _does_something(self) -> SafeRedirect:
        if not (self.permission_to_fail or self.hard_stop or self.preserve_placeholders):
            raise ValueError("switch on one of permission_to_fail, hard_stop and preserve_placeholders")
        return self

    @property
    def block(self) -> str:
        """The rule: its title, when it applies, and the numbered things to do."""
        actions = [
            text
            for text, on in (
                (_PERMISSION, self.permission_to_fail),
                (_PRESERVE, self.preserve_placeholders),
                (_HARD_STOP.format(stop=self.stop), self.hard_stop),
            )
            if on
        ]
        numbered = (f"{number}. {action}" for number, action in enumerate(actions, 1))
        return "\n".join((_TITLE, _CONDITIONS[self.condition], *numbered, _ELSE))


def stop_sentence(stop: str) -> str:
    """A stop sentence, if it can be found again in an answer.

    Raises:
        ValueError: It is not one line of three words or more.
    """
    if len(stop.splitlines()) != 1 or stop != stop.strip() or len(words(stop)) < 3:
        raise ValueError("a stop sentence is one line of three words or more, without space around it")
    return stop
