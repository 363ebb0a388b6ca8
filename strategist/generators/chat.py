"""Any LangChain chat model as a generator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from defenses.generator import Prompt
from sentinel.errors import ComponentError, ConfigurationError, DataError

_IDENTIFYING = ("model", "model_name", "model_id", "deployment_name", "temperature", "top_p", "seed", "max_tokens")


class ChatGenerator:
    """A chat model of LangChain. What it runs on, and whether it is greedy, is set where it was made.

    `Prompt.start` is the beginning of an assistant's turn, which most providers continue; where one writes it again,
    it is taken off the answer.

    Args:
        model: The chat model.
        name: What it is called in records; by default its class and model name.
        max_tokens: The longest answer in tokens where a call does not say; None for the model's own limit.
        concurrency: How many requests run at once.
        limit_name: The model's own word for the longest answer, given to each call; None to give none.

    Raises:
        ConfigurationError: It is no chat model, or an option is out of range.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str | None = None,
        max_tokens: int | None = None,
        concurrency: int = 8,
        limit_name: str | None = "max_tokens",
    ) -> None:
        if not isinstance(model, BaseChatModel):
            raise ConfigurationError(f"{type(model).__name__} is no LangChain chat model")
        for option, value in (("max_tokens", max_tokens), ("concurrency", concurrency)):
            if value is not None and value < 1:
                raise ConfigurationError(f"{option} = {value!r}: must be at least 1")
        self.model = model
        known = [str(value) for key in _IDENTIFYING[:4] if (value := getattr(model, key, None))]
        self.name = name or ":".join([type(model).__name__, *known[:1]])
        self.max_tokens = max_tokens
        self._config: RunnableConfig = {"max_concurrency": concurrency}
        self._limit_name = limit_name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def fingerprint(self) -> str:
        """Class and public settings that name the model, hashed; what the provider changes behind them is not seen."""
        facts: dict[str, Any] = {"class": f"{type(self.model).__module__}.{type(self.model).__qualname__}"}
        facts |= {
            key: value
            for key in _IDENTIFYING
            # Only plain values: the repr of an object may hold an address or a key.
            if isinstance(value := getattr(self.model, key, None), str | int | float)
        }
        facts |= {"name": self.name, "limit": self.max_tokens}
        return f"sha256:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `Generator.generate`."""
        prompts = list(prompts)
        messages, limit = self._messages(prompts), self._limit(max_tokens)
        try:
            made = self.model.batch(messages, self._config, **limit)
        except Exception as error:
            raise self._failed(error) from error
        return self._answers(prompts, made)

    async def agenerate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """Async twin of `generate`, by the model's own async calls."""
        prompts = list(prompts)
        messages, limit = self._messages(prompts), self._limit(max_tokens)
        try:
            made = await self.model.abatch(messages, self._config, **limit)
        except Exception as error:
            raise self._failed(error) from error
        return self._answers(prompts, made)

    def stream(self, prompt: Prompt, *, max_tokens: int | None = None) -> Iterator[str]:
        """Answer one prompt piece by piece; the pieces in a row are an answer as `generate` gives it."""
        (messages,), limit = self._messages([prompt]), self._limit(max_tokens)
        pieces = _Pieces(prompt.start)
        try:
            for chunk in self.model.stream(messages, **limit):
                if piece := pieces.add(_text(chunk)):
                    yield piece
        except Exception as error:
            raise self._failed(error) from error
        if piece := pieces.rest():
            yield piece

    async def astream(self, prompt: Prompt, *, max_tokens: int | None = None) -> AsyncIterator[str]:
        """Async twin of `stream`."""
        (messages,), limit = self._messages([prompt]), self._limit(max_tokens)
        pieces = _Pieces(prompt.start)
        try:
            async for chunk in self.model.astream(messages, **limit):
                if piece := pieces.add(_text(chunk)):
                    yield piece
        except Exception as error:
            raise self._failed(error) from error
        if piece := pieces.rest():
            yield piece

    def _limit(self, max_tokens: int | None) -> dict[str, Any]:
        limit = self.max_tokens if max_tokens is None else max_tokens
        if limit is not None and limit < 1:
            raise ConfigurationError(f"max_tokens = {limit!r}: must be at least 1")
        return {} if limit is None or self._limit_name is None else {self._limit_name: limit}

    @staticmethod
    def _messages(prompts: list[Prompt]) -> list[Any]:
        made: list[Any] = []
        for number, prompt in enumerate(prompts):
            if not prompt.user.strip() and not prompt.system.strip():
                raise DataError(f"prompt {number}: a prompt is empty")
            turns: list[BaseMessage] = [SystemMessage(prompt.system)] if prompt.system else []
            turns.append(HumanMessage(prompt.user))
            if prompt.start:
                # Providers refuse an unfinished turn that ends in white space.
                turns.append(AIMessage(prompt.start.rstrip()))
            made.append(turns)
        return made

    def _answers(self, prompts: list[Prompt], made: Sequence[BaseMessage]) -> list[str]:
        if len(made) != len(prompts):
            raise ComponentError(self.name, f"{len(made)} answers to {len(prompts)} prompts")
        return [_without_start(_text(one), prompt.start) for one, prompt in zip(made, prompts, strict=True)]

    def _failed(self, error: Exception) -> Exception:
        # What a provider says may repeat the prompt.
        return error if isinstance(error, ComponentError) else ComponentError(self.name, type(error).__name__)


def _text(message: BaseMessage) -> str:
    # A property that is also callable in some versions; never the thinking or the tool calls beside the text.
    return str(message.text)


def _without_start(text: str, start: str) -> str:
    answer, start = text.strip(), start.strip()
    return answer.removeprefix(start).strip() if start else answer


class _Pieces:
    """Puts pieces together and gives what is certain of `_without_start` of all of them."""

    def __init__(self, start: str) -> None:
        self._start = start.strip()
        self._text = ""
        self._sent = ""

    def add(self, piece: str) -> str:
        """What may be handed out now."""
        self._text += piece
        if self._start.startswith(self._text.lstrip()):  # it may be writing the start again
            return ""
        return self._new()

    def rest(self) -> str:
        """What is left when nothing follows."""
        return self._new()

    def _new(self) -> str:
        answer = _without_start(self._text, self._start)
        new, self._sent = answer[len(self._sent) :], answer
        return new
