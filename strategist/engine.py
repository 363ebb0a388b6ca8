"""The engine: runs requests through the flow, within limits, with one failure mode."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig

from defenses import MemoryLedger, Resources
from sentinel.errors import ConfigurationError
from sentinel.history import HistoryStore
from sentinel.sensing import Sentinel
from sentinel.vocabulary import Request
from strategist.allow_list import AllowList
from strategist.decision import Decision
from strategist.drivers import adrive, drive
from strategist.flow import Course, Parts
from strategist.guard import Guard
from strategist.policies import Policy
from strategist.resilience import FailureMode as FailureMode
from strategist.sampling import sampled
from strategist.sources import Source
from strategist.state.trust import TrustStore


@dataclass(frozen=True)
class Engine:
    """Runs requests. One engine serves all threads and tasks; what it remembers is of its parts, in `guard`.

    Attributes:
        sentinel: What senses.
        policy: What plans.
        resources: What defenses draw from.
        on_error: What happens when a part fails.
        shadow: Record the decision and serve what the base serves.
        config_hash: Written into every decision.
        history: Where clients' pasts are kept; None keeps none.
        trust: Where it is kept how far a client's own queries speak for it; None keeps nothing.
        allow: False alarms: what is served as it is.
        sample: Share of the clients that are defended, in [0, 1]; for the others the decision is recorded and
            nothing changed, nor charged to a budget. A client stays on its side of the line; see `sampled`. Whoever
            sees decision ids in the documents (`attach`) sees which side that is.
        hash_key: Secret that sampling and the hashes of the allow-list are keyed with.
        guard: Limits, breakers and counters.

    Raises:
        ConfigurationError: `sample` is out of range.
    """

    sentinel: Sentinel
    policy: Policy
    resources: Resources
    on_error: FailureMode = FailureMode.DEGRADE
    shadow: bool = False
    config_hash: str = ""
    history: HistoryStore | None = None
    trust: TrustStore | None = None
    allow: AllowList | None = None
    sample: float = 1.0
    hash_key: bytes | None = None
    guard: Guard = field(default_factory=Guard)
    _parts: Parts = field(init=False, repr=False, compare=False)
    _watching: Parts = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.sample <= 1.0:
            raise ConfigurationError(f"sample must lie in [0, 1], not {self.sample!r}")
        parts = Parts(
            self.sentinel,
            self.policy,
            self.resources,
            self.on_error,
            self.history,
            self.trust,
            self.allow,
            self.hash_key,
            self.guard,
        )
        object.__setattr__(self, "_parts", parts)
        # Who is only watched is charged to books of their own: nobody's budget shrinks by what did not happen.
        aside = replace(self.resources, ledger=MemoryLedger()) if self.sample < 1.0 else self.resources
        object.__setattr__(self, "_watching", replace(parts, resources=aside))

    def run(
        self, request: Request, source: Source, config: RunnableConfig | None = None
    ) -> tuple[list[Document], Decision]:
        """Serve one request.

        Args:
            request: Who asks what.
            source: Where candidates come from.
            config: What the base is called with: LangChain's callbacks of this run, and the configurable.

        Returns:
            The documents, at most `request.k`, and the decision.

        Raises:
            TimeBudgetExceeded: The base did not answer in time.
            WorkersStuck: Too many calls of the base hang already.
            ComponentError: The base gave something else than documents.
            Exception: Whatever the base itself raises.
        """
        return self._counted(drive(self._course(request, source, config).run(), self.guard))

    async def arun(
        self, request: Request, source: Source, config: RunnableConfig | None = None
    ) -> tuple[list[Document], Decision]:
        """Serve one request without blocking the event loop: what computes runs in a worker thread. See `run`."""
        return self._counted(await adrive(self._course(request, source, config).run(), self.guard))

    def health(self) -> dict[str, Any]:
        """Counts and states of the parts as plain JSON values; see `DefendedRetriever.health`."""
        return self.guard.health()

    def resources_of(self, decision: Decision) -> Resources:
        """What defenses of a request draw from, also those that come after retrieval."""
        return (self._watching if decision.mode == "shadow" else self._parts).resources

    def _course(self, request: Request, source: Source, config: RunnableConfig | None) -> Course:
        decision = Decision(request, self.policy.manifest.name, self.config_hash)
        if self.policy.manifest.passive:
            decision.mode = "passive"
        elif self.shadow or not sampled(request, self.sample, self.hash_key):
            decision.mode = "shadow"
        parts = self._watching if decision.mode == "shadow" else self._parts
        return Course(parts, decision, source, config or {})

    def _counted(self, served: tuple[list[Document], Decision]) -> tuple[list[Document], Decision]:
        self.guard.count(served[1].mode)
        return served
