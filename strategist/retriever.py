"""`DefendedRetriever`: the face that LangChain users wrap around their own retriever."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

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
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PrivateAttr, SecretStr, SkipValidation

from defenses import DEFENSES, DefenseManifest, Resources
from defenses.ledger import MemoryLedger
from sentinel.corpus import CorpusProfile
from sentinel.errors import ConfigurationError, UncalibratedWarning
from sentinel.history import HistoryStore, MemoryHistory
from sentinel.sensing import Sentinel, needed_signals
from sentinel.signals import Signal
from sentinel.threat_models import ThreatModels, shipped_models
from sentinel.vocabulary import MAX_K
from strategist._face import RELOADING, Face
from strategist._runtime import Attach, Measured, Runtime, Sink, config_hash
from strategist.allow_list import AllowList
from strategist.calibration import models_of
from strategist.callers import Caller, CallerDefaults, split_caller
from strategist.configuration import DEFAULT_POLICY, SentinelConfig
from strategist.decision import Decision
from strategist.engine import Engine, FailureMode
from strategist.guard import Guard
from strategist.policies import Policy, calibrated
from strategist.resilience import Resilience
from strategist.sources import source_for
from strategist.state.trust import MemoryTrust, TrustStore

EVENT = "sentinel_decision"
_OURS = ("strategist.retriever", "strategist.rag", "strategist.configuration", "strategist._face")
_LIBRARIES = ("pydantic.", "langchain_core.")
_PYTHON = ("embeddings", "profile", "models", "calibration", "allow", "state", "resources", "history", "clock", "sinks")
"""Options that a Python program may give beside a configuration; they stay through a reload."""
Take = Callable[[Runtime, Decision], None]
"""Takes over a decision that is not complete yet: whoever took it tells the sinks and sends the event."""


class DefendedRetriever(Face, BaseRetriever):
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
        signals: `needed` measures what the models, the policy or a defense reads, `all` whatever is registered, for
            the decision records.
        attach: `id` puts the random decision id into each document's `metadata["sentinel"]`; `none` nothing; `full`
            the whole record, which is **unsafe to forward**: it tells a prober what was hidden.
        resources: What defenses draw from.
        sinks: Called with every decision; an exception in one is warned of and stops nothing.
        history: Where clients' pasts are kept, a `HistoryStore`; by default one of this retriever's own, in memory.
            None keeps none: the signals that need it are missing.
        clock: Monotonic seconds; replaced where time is simulated.
        state: Where ledger, history and trust are kept together: a `strategist.state.State`, or the url of one
            (`memory:`, `sqlite:///FILE`, `redis://...`). Takes the place of `history` and of the resources' ledger.
        calibration: A `strategist.calibration.Calibration`, or the path of one, for policies that read one.
        prevalence: Share of requests that is assumed to carry each threat; None for the models' own.
        callers: What holds for callers that do not say who they are, and for tenants.
        hash_key: Secret that makes the hashes in records HMACs; without one, short texts can be found by trying.
        resilience: Time limits, circuit breakers, bulkhead. Policy `none` is the bare base, without any of them.
        sample: Share of the clients that are defended, in [0, 1]; the others are served as in shadow mode. Each client
            is treated steadily. Documents of the others carry no decision id, whatever `attach` says.
        allow: What an operator found to be false alarms: an `AllowList`, or the path of one.

    Raises:
        ConfigurationError: Unknown policy or option, an impossible value, or a base that is none of the above.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    framework: ClassVar[type[BaseModel]] = BaseRetriever
    called: ClassVar[Mapping[str, str]] = {"state": "_address"}

    base: Any
    k: int | None = Field(None, ge=1, le=MAX_K, strict=True)
    policy: str | InstanceOf[Policy] = DEFAULT_POLICY
    signals: Measured = "needed"
    embeddings: Embeddings | None = None
    profile: InstanceOf[CorpusProfile] | Path | None = None
    models: InstanceOf[ThreatModels] | Path | None = None
    exact: bool | None = None
    on_error: FailureMode = FailureMode.DEGRADE
    shadow: bool = False
    attach: Attach = "id"
    resources: InstanceOf[Resources] = Field(default_factory=Resources)
    sinks: Sequence[Sink] = ()
    history: SkipValidation[HistoryStore | None] = Field(default_factory=MemoryHistory)
    clock: Callable[[], float] = time.monotonic

    state: Any = None
    calibration: Any = None
    prevalence: float | None = Field(None, gt=0.0, lt=1.0)
    callers: CallerDefaults = Field(default_factory=CallerDefaults)
    hash_key: SecretStr | None = Field(None, min_length=1)
    resilience: Resilience = Field(default_factory=Resilience)
    sample: float = Field(1.0, ge=0.0, le=1.0)
    allow: InstanceOf[AllowList] | Path | None = None

    _runtime: Runtime = PrivateAttr()
    _address: str | None = PrivateAttr(default=None)
    _own_trust: TrustStore = PrivateAttr(default_factory=MemoryTrust)

    @classmethod
    def wrap(cls, base: Any, **options: Any) -> DefendedRetriever:
        """Wrap a vector store, retriever or runnable; `options` are the attributes of this class.

        Raises:
            ConfigurationError: An option is unknown or impossible.
        """
        return cls(base=base, **options)

    def model_post_init(self, context: Any, /) -> None:
        """Build what requests share. Nothing here changes afterwards; `reload` puts another runtime in its place."""
        self._given = {name: getattr(self, name) for name in _PYTHON if name in self.model_fields_set}
        policy = calibrated(self.policy, self.calibration)
        source = source_for(self.base, self.embeddings, self.exact)
        given = ThreatModels.load(self.models) if isinstance(self.models, Path) else self.models
        file = Path(self.calibration) if isinstance(self.calibration, str | Path) else None
        models = models_of(getattr(policy, "calibration", None), file, given)
        if given is None and models is shipped_models() and not policy.manifest.passive:
            _warn_uncalibrated()
        if self.prevalence is not None:
            models = models.at(self.prevalence)
        corpus = CorpusProfile.load(self.profile) if isinstance(self.profile, Path) else self.profile
        if corpus is None and not policy.manifest.passive:
            corpus = source.profile()
        self._open_state()
        senses = policy.manifest.senses
        sentinel = Sentinel(self._measured(policy, models), models if senses else ThreatModels(), corpus)
        history = self.history if senses else None
        # A shadow keeps books of its own: what it would have done is charged to nobody.
        resources = replace(self.resources, ledger=MemoryLedger()) if self.shadow else self.resources
        allow = AllowList.load(self.allow) if isinstance(self.allow, Path) else self.allow
        parts = {
            "k": self.k or source.k,
            "models": models.hash,
            "profile": corpus.hash if corpus is not None and not policy.manifest.passive else None,
            "callers": self.callers.model_dump(mode="json"),
            "history": type(history).__name__,
            "resources": [type(self.resources.ledger).__name__, type(self.resources.random).__name__],
            "on_error": self.on_error.value,
            "shadow": self.shadow,
            "resilience": self.resilience.model_dump(mode="json"),
            "sample": self.sample,
            "allow": None if allow is None else allow.hash,
            "signals": sentinel.names,
        }
        digest = config_hash(policy, source, parts)
        key = None if self.hash_key is None else self.hash_key.get_secret_value().encode()
        engine = Engine(
            sentinel,
            policy,
            resources,
            self.on_error,
            self.shadow,
            digest,
            history,
            getattr(self.state, "trust", self._own_trust) if senses else None,
            allow=allow,
            sample=self.sample,
            hash_key=key,
            guard=Guard(self.resilience),
        )
        self._runtime = Runtime(engine, source, self.k, self.callers, tuple(self.sinks), self.attach, key, self.clock)

    def _measured(self, policy: Policy, models: ThreatModels) -> list[Signal] | None:
        """The signals to measure; None for all that are registered."""
        if not policy.manifest.senses:
            return []
        reads = policy.manifest.reads
        if self.signals == "all" or reads is None:
            return None
        others = (m.reads for m in DEFENSES.manifests().values() if isinstance(m, DefenseManifest))
        return needed_signals(models, reads.union(*others))

    def _open_state(self) -> None:
        if self.state is None:
            return
        state = self.state
        if isinstance(state, str):
            from strategist.state import open_state

            self._address, state = state, open_state(state)
        if not (hasattr(state, "history") and hasattr(state, "ledger")):
            raise ConfigurationError(f"state must be a State or the url of one, not {type(state).__name__}")
        if "history" in self.model_fields_set and self.history is not state.history:
            raise ConfigurationError("give state or history, not both")
        resources = replace(self.resources, ledger=state.ledger)
        self.__dict__.update(state=state, history=state.history, resources=resources)

    def health(self) -> dict[str, Any]:
        """How the parts stand, as plain JSON values, counted since the configuration came into force.

        Returns:
            `requests` by mode; how many requests ended `closed` (nothing served) and `open` (undefended), and how many
            parts were left out (`degraded`) or could not be looked at (`missing`); by component, its `failures`, of
            them `timeouts`, and how often it was `not_called` (breaker open, bulkhead full, no time left);
            `breakers` by component; `workers`: those that hang now (`stuck`, by stage) and that ever were
            `left_behind`; `model_calls` under way.
        """
        return self._runtime.engine.health()

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of the configuration in force, as every decision carries them."""
        return self._runtime.engine.config_hash

    @classmethod
    def from_config(cls, base: Any, config: SentinelConfig | Path | str, **given: Any) -> DefendedRetriever:
        """Wrap a base as a configuration says.

        Args:
            base: A LangChain vector store, retriever, or runnable from text to documents.
            config: The configuration, or the path of a `sentinel.yaml`. Its `answer` is checked and not used: the same
                file may serve `DefendedRAG`.
            given: What only Python can give (`resources`, `clock`, an `Embeddings` object, ...). Sinks come on top of
                the configuration's; anything else that both give is refused.

        Raises:
            ConfigurationError: The configuration is wrong, or says what `given` says too.
            DataError: A file that it names cannot be read.
        """
        made = cls(base=base, **SentinelConfig.of(config).options(given))
        made._given = given
        return made

    def reload(self, config: SentinelConfig | Path | str) -> None:
        """Put another configuration in force, all of it at once.

        A request that has begun ends under the configuration that it began with. What the program gave in Python
        stays, and so do ledger and history while the configuration's `state` is the same. If anything is wrong with
        the new one, the old stays in force.

        Raises:
            ConfigurationError: As `from_config`.
            DataError: As `from_config`.
        """
        with RELOADING:
            fresh = self.renewed(config)
            self._address, self._own_trust = fresh._address, fresh._own_trust
            self.__dict__.update({name: fresh.__dict__[name] for name in self.own_fields()})
            self._runtime = fresh._runtime  # requests read this and nothing else, once

    def renewed(self, config: SentinelConfig | Path | str, given: Mapping[str, Any] | None = None) -> Self:
        """Another retriever around the same base under another configuration; this one stays as it is.

        What outlives a `reload` is shared by both: what the program gave in Python, and ledger, history and trust
        while the configuration's `state` is the same.

        Args:
            config: The configuration, or the path of a `sentinel.yaml`.
            given: More that only Python can give. Sinks come on top.

        Raises:
            ConfigurationError: As `from_config`.
            DataError: As `from_config`.
        """
        python = {**self._given, **(given or {})}
        python["sinks"] = (*self._given.get("sinks", ()), *(given or {}).get("sinks", ()))
        options = SentinelConfig.of(config).options(python)
        address = options.get("state")
        if address is not None and address == self._address:
            options["state"] = self.state
        elif address is None and self.state is None:
            options = {"history": self.history, "resources": self.resources, **options}
        framework = {name: getattr(self, name) for name in BaseRetriever.model_fields if name in self.model_fields_set}
        fresh = type(self)(base=self.base, **options, **framework)
        fresh._given = python
        fresh._address = address if isinstance(address, str) else None
        engine = fresh._runtime.engine
        if self.state is None and fresh.state is None:
            fresh._own_trust = self._own_trust
            engine = engine if engine.trust is None else replace(engine, trust=self._own_trust)
        if self.shadow and fresh.shadow:
            engine = replace(engine, resources=replace(fresh.resources, ledger=self._runtime.engine.resources.ledger))
        fresh._runtime = replace(fresh._runtime, engine=engine)
        return fresh

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
        take: Take | None = None,
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child(), "configurable": dict(configurable or {})}
        runtime = self._runtime  # once: a reload must not come between two looks at it
        documents, decision = runtime.engine.run(runtime.request(query, k, caller), runtime.source, config)
        decision.hash_key = runtime.hash_key
        if take is not None:
            take(runtime, decision)
            return runtime.attached(documents, decision)
        if run_manager.handlers and decision.mode != "passive":
            dispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
        return runtime.finish(documents, decision)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        caller: Caller | None = None,
        configurable: Mapping[str, Any] | None = None,
        take: Take | None = None,
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child(), "configurable": dict(configurable or {})}
        runtime = self._runtime
        documents, decision = await runtime.engine.arun(runtime.request(query, k, caller), runtime.source, config)
        decision.hash_key = runtime.hash_key
        if take is not None:
            take(runtime, decision)
            return runtime.attached(documents, decision)
        if run_manager.handlers and decision.mode != "passive":
            await adispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
        if runtime.sinks:  # they may wait for a disk
            return await asyncio.to_thread(runtime.finish, documents, decision)
        return runtime.finish(documents, decision)


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
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith((*_OURS, *_LIBRARIES)):
        frame = frame.f_back
        level += 1
    return level
