"""Any generator as a chat model of LangChain: a model on disk where a chain, or policy `llm`, wants one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from defenses.generator import Prompt
from sentinel.errors import ConfigurationError, DataError


class GeneratorChat(BaseChatModel):
    """A generator that is asked in messages. It knows no tools: who wants structure has to ask for it in words.

    System messages become the prompt's system turn, an assistant's message at the end the beginning of the answer.
    Earlier turns, which a prompt has no place for, are written above the last one with their speakers' names.

    Attributes:
        generator: What answers, or what `load_generator` takes.
        max_tokens: The longest answer in tokens.

    Raises:
        ConfigurationError: There is no such generator.
    """

    generator: Any = None
    max_tokens: int = 512

    def model_post_init(self, context: Any, /) -> None:
        """Find the generator."""
        super().model_post_init(context)
        if self.max_tokens < 1:
            raise ConfigurationError(f"max_tokens = {self.max_tokens!r}: must be at least 1")
        from strategist.generators import load_generator  # which is where this class is found

        self.generator = load_generator(self.generator)

    @property
    def model_name(self) -> str:
        """The generator's name."""
        return str(self.generator.name)

    @property
    def _llm_type(self) -> str:
        return "sentinel-strategist-generator"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        longest = kwargs.get("max_tokens") or self.max_tokens
        text = self.generator.generate([prompt_of(messages)], max_tokens=longest)[0]
        for mark in stop or ():
            text = text.partition(mark)[0]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def prompt_of(messages: Sequence[BaseMessage]) -> Prompt:
    """Messages as one prompt.

    Raises:
        DataError: Nobody asks anything.
    """
    system = "\n\n".join(str(m.text) for m in messages if isinstance(m, SystemMessage))
    turns = [m for m in messages if not isinstance(m, SystemMessage)]
    start = str(turns.pop().text) if turns and isinstance(turns[-1], AIMessage) else ""
    if not turns:
        raise DataError("a prompt is empty: no message of a user")
    said = [f"{'Assistant' if isinstance(m, AIMessage) else 'User'}: {m.text}" for m in turns]
    return Prompt(str(turns[-1].text) if len(turns) == 1 else "\n\n".join(said), system=system, start=start)
