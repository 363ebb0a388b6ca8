"""`DefendedRetriever`: the face that LangChain users wrap around their own retriever."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import (
    ConfigDict,
    Field,
    InstanceOf,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SkipValidation,
    ValidationError,
    model_validator,
)

from defenses import Resources
from defenses.ledger import MemoryLedger
from sentinel.corpus import CorpusProfile
from sentinel.errors import ConfigurationError, UncalibratedWarning, unknown_name
from sentinel.history import HistoryStore, MemoryHistory
from sentinel.models import ThreatModels, shipped_models
from sentinel.sensing import Sentinel
from sentinel.vocabulary import MAX_K, Request
from strategist.decision import Decision
from strategist.engine import Engine, FailureMode
from strategist.policies import Policy, build_policy
from strategist.sources import Source, source_for

Sink = Callable[[Decision], None]
EVENT = "sentinel_decision"
_CALLER_KEYS = ("client_id", "tenant", "trust")
_OURS = (__name__, "pydantic.", "langchain_core.")


class Caller(NamedTuple):
    """Who asks, as the run's configurable says."""

    client_id: str | None = None
    tenant: str | None = None
    trust: float | None = None


class DefendedRetriever(BaseRetriever):
    """A retriever around another one, or around a vector store, that senses, plans and defends each request.

    A request found benign leaves as the base would have served it. Who asks is read from the run's configurable:
    `retriever.invoke(query, config={"configurable": {"client_id": ..., "tenant": ..., "trust": ...}})`; without a
    client id the request counts as the shared anonymous client's.

    Attributes:
        base: A LangChain vector store, retriever, or runnable from text to documents.
        k: How many documents to serve; None for the base's own number. A base that does not tell its number is then
            called as it is, and what is dropped cannot be replaced.
        policy: Name of a policy, or a policy.
        embeddings: The base's embedding model where the base does not show it.
        profile: Corpus statistics, or the folder of a saved `CorpusProfile`; None takes what the base can tell.
        models: Calibrated models, or the path of a models file; None takes the shipped ones and warns once.
        exact: Overrules what is known of the base: True if the first k of a longer list are what it serves for k.
        on_error: `degrade` (leave the failed part out), `open` (serve the base's answer) or `closed` (nothing).
        shadow: Record decisions and change nothing.
        attach: `id` puts the random decision id into each document's `metadata["sentinel"]`; `none` nothing; `full`
            the whole record, which is **unsafe to forward**: it tells a prober what was hidden.
        resources: What defenses draw from.
        sinks: Called with every decision; an exception in one is warned of and stops nothing.
        history: Where clients' pasts are kept, a `HistoryStore`; by default one of this retriever's own, in memory.
            None keeps none: the signals that need it are missing.
        clock: Monotonic seconds; replaced where time is simulated.

    Raises:
        ConfigurationError: Unknown policy or option, an impossible value, or a base that is none of the above.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    base: Any
    k: int | None = Field(None, ge=1, le=MAX_K, strict=True)
    policy: str | InstanceOf[Policy] = "rules"
    embeddings: Embeddings | None = None
    profile: InstanceOf[CorpusProfile] | Path | None = None
    models: InstanceOf[ThreatModels] | Path | None = None
    exact: bool | None = None
    on_error: FailureMode = FailureMode.DEGRADE
    shadow: bool = False
    attach: Literal["id", "none", "full"] = "id"
    resources: InstanceOf[Resources] = Field(default_factory=Resources)
    sinks: Sequence[Sink] = ()
    history: SkipValidation[HistoryStore | None] = Field(default_factory=MemoryHistory)
    clock: Callable[[], float] = time.monotonic

    _engine: Engine = PrivateAttr()
    _source: Source = PrivateAttr()

    @classmethod
    def wrap(cls, base: Any, **options: Any) -> DefendedRetriever:
        """Wrap a vector store, retriever or runnable; `options` are the attributes of this class.

        Raises:
            ConfigurationError: An option is unknown or impossible.
        """
        return cls(base=base, **options)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, options: Any, handler: ModelWrapValidatorHandler[DefendedRetriever]) -> DefendedRetriever:
        try:
            return handler(options)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            if first["type"] == "extra_forbidden":
                raise unknown_name("option", name, [f for f in cls.model_fields if f != "base"]) from None
            raise ConfigurationError(f"{name} = {first['input']!r:.80}: {first['msg']}") from None

    def model_post_init(self, context: Any, /) -> None:
        """Build what requests share. Runs once; nothing here changes afterwards."""
        policy = build_policy(self.policy)
        self._source = source_for(self.base, self.embeddings, self.exact)
        models = ThreatModels.load(self.models) if isinstance(self.models, Path) else self.models
        if models is None:
            models = shipped_models()
            if not policy.manifest.passive:
                _warn_uncalibrated()
        corpus = CorpusProfile.load(self.profile) if isinstance(self.profile, Path) else self.profile
        if corpus is None and not policy.manifest.passive:
            corpus = self._source.profile()
        settings = {
            "policy": policy.manifest.name,
            "parameters": policy.model_dump(mode="json"),
            "models": models.hash,
            "on_error": self.on_error.value,
            "shadow": self.shadow,
        }
        config_hash = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        senses = policy.manifest.senses
        sentinel = Sentinel(None if senses else (), models if senses else ThreatModels(), corpus)
        history = self.history if senses else None
        # A shadow keeps books of its own: what it would have done is charged to nobody.
        resources = replace(self.resources, ledger=MemoryLedger()) if self.shadow else self.resources
        self._engine = Engine(sentinel, policy, resources, self.on_error, self.shadow, config_hash, history)

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Serve one query. See the class for what the run's configurable may say.

        Args:
            input: The query.
            config: LangChain's run configuration.
            kwargs: `k` overrules the number of documents for this call.

        Raises:
            DataError: The query is empty or too long, or `k` or `trust` is out of range.
        """
        caller, config = split_caller(config)
        return super().invoke(input, config, **kwargs, caller=caller, configurable=config["configurable"])

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Serve one query without blocking the event loop. See `invoke`."""
        caller, config = split_caller(config)
        return await super().ainvoke(input, config, **kwargs, caller=caller, configurable=config["configurable"])

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        caller: Caller | None = None,
        configurable: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child(), "configurable": dict(configurable or {})}
        documents, decision = self._engine.run(self._request(query, k, caller), self._source, config)
        if run_manager.handlers and decision.mode != "passive":
            dispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
        return self._finish(documents, decision)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        caller: Caller | None = None,
        configurable: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child(), "configurable": dict(configurable or {})}
        documents, decision = await self._engine.arun(self._request(query, k, caller), self._source, config)
        if run_manager.handlers and decision.mode != "passive":
            await adispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
        if self.sinks:  # they may wait for a disk
            return await asyncio.to_thread(self._finish, documents, decision)
        return self._finish(documents, decision)

    def _request(self, query: str, k: int | None, caller: Caller | None) -> Request:
        wanted = k if k is not None else self.k if self.k is not None else self._source.k
        return Request(query, wanted, *(caller or Caller()), time=self.clock())

    def _finish(self, documents: list[Document], decision: Decision) -> list[Document]:
        for sink in self.sinks:
            try:
                sink(decision)
            except Exception as error:  # a full disk must not take retrieval down, nor pass in silence
                warnings.warn(f"a decision sink failed: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2)
        if decision.mode != "enforced" or self.attach == "none":
            return documents
        note: dict[str, Any] = {"decision_id": decision.id}
        if self.attach == "full":
            note |= {"decision": decision.record()}
        for document in documents:  # copies: the engine made them for this request
            document.metadata["sentinel"] = dict(note)
        return documents


def split_caller(config: RunnableConfig | None) -> tuple[Caller, RunnableConfig]:
    """Take who asks out of a run's configuration, so that it reaches no trace.

    Raises:
        ConfigurationError: A client id or tenant that is not text, or trust that is not a number.
    """
    config = ensure_config(config)
    configurable = dict(config.get("configurable") or {})
    metadata = dict(config.get("metadata") or {})
    values = {key: configurable.pop(key, None) for key in _CALLER_KEYS}
    for key, value in values.items():
        if key in metadata and metadata[key] == value:  # older cores copy configurable into the metadata
            del metadata[key]
    for key in ("client_id", "tenant"):
        if values[key] is not None and not isinstance(values[key], str):
            raise ConfigurationError(f"configurable {key!r} must be text, not {type(values[key]).__name__}")
    trust = values["trust"]
    if trust is not None and (isinstance(trust, bool) or not isinstance(trust, (int, float))):
        raise ConfigurationError(f"configurable 'trust' must be a number, not {type(trust).__name__}")
    return Caller(**values), {**config, "configurable": configurable, "metadata": metadata}


@lru_cache(maxsize=1)
def _warn_uncalibrated() -> None:
    warnings.warn(
        "no calibration given: the shipped defaults are in use, fitted on the bundled data set and not on this corpus",
        UncalibratedWarning,
        stacklevel=_outside(),
    )


def _outside() -> int:
    """How many frames `warnings.warn` has to go up from the caller of this to stand in the user's own code."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
        level += 1
    return level
