"""Generators: what answers prompts. Nothing heavy is loaded before the first answer."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLLM

from defenses.generator import Generator
from sentinel._files import one_line
from sentinel.errors import ConfigurationError
from strategist.generators.answer_cache import AnswerCache as AnswerCache
from strategist.generators.answer_cache import cached as cached
from strategist.generators.as_chat import GeneratorChat as GeneratorChat
from strategist.generators.chat import ChatGenerator as ChatGenerator
from strategist.generators.transformers_generator import TransformersGenerator as TransformersGenerator

__all__ = ["AnswerCache", "ChatGenerator", "GeneratorChat", "TransformersGenerator", "cached", "load_generator"]

_CHAT_OPTIONS = ("name", "max_tokens", "concurrency", "limit_name")
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]*:.+")


def load_generator(spec: str | os.PathLike[str] | BaseChatModel | Generator | None = None, **options: Any) -> Generator:
    """Find the generator that a configuration names. A model on disk loads at its first answer.

    Args:
        spec: None or "local" for the packaged Gemma 3 270M (its SHA-256 is checked); a folder that transformers
            wrote, or a LoRA adapter's folder; a .gguf file, converted once into the cache folder; a hub id
            `organisation/name` or `organisation/name@revision` (the only form that uses the network by itself, and
            not that where HF_HUB_OFFLINE is set); `provider:model` for a chat model of LangChain; a LangChain chat
            model; or a `Generator`, which is returned as it is.
        **options: What `TransformersGenerator` or `ChatGenerator` takes; for `provider:model` what they do not
            know goes to the provider.

    Returns:
        The generator; one of a model on disk is an `AttentiveGenerator` and can `stream`.

    Raises:
        ConfigurationError: There is nothing of that kind, a package is missing, or an option is wrong.
    """
    # LangChain's models have a name and a `generate` of their own, and would pass for generators.
    if isinstance(spec, BaseChatModel):
        return _made(ChatGenerator, spec, options)
    if isinstance(spec, BaseLLM):
        raise ConfigurationError(f"{type(spec).__name__} completes texts; give a chat model")
    if spec is None or isinstance(spec, str | os.PathLike):
        text = "local" if spec is None else os.fspath(spec)
        if isinstance(spec, str) and _PROVIDER.fullmatch(text) and not os.path.exists(text):
            own: dict[str, Any] = {key: options.pop(key) for key in _CHAT_OPTIONS if key in options}
            return _made(ChatGenerator, _chat_model(text, options), own)
        return _made(TransformersGenerator, text, options)
    if isinstance(spec, Generator):
        if options:
            raise ConfigurationError(f"{type(spec).__name__} is a generator already: it takes no options")
        return spec
    raise ConfigurationError(f"{type(spec).__name__} is neither a name, a LangChain chat model nor a generator")


def _made(kind: Any, spec: Any, options: dict[str, Any]) -> Generator:
    try:
        made: Generator = kind(spec, **options)
    except TypeError as error:
        raise ConfigurationError(f"{kind.__name__}: {one_line(error).removeprefix('TypeError: ')}") from None
    return made


def _chat_model(spec: str, options: dict[str, Any]) -> BaseChatModel:
    provider = spec.partition(":")[0]
    if importlib.util.find_spec("langchain") is None:
        raise ConfigurationError(f"{spec!r} needs LangChain: pip install langchain langchain-{provider}")
    try:
        # Imported by name: LangChain's agents, which it belongs to, are no dependency.
        models = importlib.import_module("langchain.chat_models")
        model: BaseChatModel = models.init_chat_model(spec, **options)
    except Exception as error:  # every provider raises what it likes
        raise ConfigurationError(f"cannot make the chat model {spec!r}: {one_line(error)}") from error
    return model
