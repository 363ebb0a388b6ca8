"""How long a part may take, how often it may fail, and what becomes of a request when it does."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from sentinel.errors import ComponentError


class FailureMode(StrEnum):
    """What becomes of a request when a part of it fails: the embedding model, the Sentinel, a policy or a defense.

    Failing is to raise, to take longer than allowed, to give what is no answer (NaN, a wrong shape), or to be
    switched off by its circuit breaker. A single signal that fails, and a client's past that cannot be read, are
    *missing* in every mode. A base that fails has nothing to serve: its error goes to the caller in every mode.
    """

    CLOSED = "closed"
    """Nothing is served."""
    OPEN = "open"
    """The base's own answer is served."""
    DEGRADE = "degrade"
    """The failed part is left out, the rest of the plan goes on."""


class TimeBudgetExceeded(ComponentError):
    """A part took longer than its stage may."""


class NotCalled(ComponentError):
    """A part that was not asked at all. Counts as its failure for the request, and says nothing of its health."""


class StageOutOfTime(TimeBudgetExceeded, NotCalled):
    """Other parts of the stage had used up its time before this one's turn came."""


class CircuitOpen(NotCalled):
    """The part failed so often that it is left alone for a while."""


class BulkheadFull(NotCalled):
    """As many calls of models are under way as may be."""


class WorkersStuck(NotCalled):
    """Too many workers of the stage hang already; another one would only join them."""


_UNLIMITED: dict[str, None] = dict.fromkeys(("embed", "fetch", "sense", "plan", "defend", "model", "generate"))


class Resilience(BaseModel):
    """Limits of the request path. Times are milliseconds, for each request anew; None is no limit.

    A stage that has a limit runs in a worker thread, because Python cannot interrupt what hangs: the caller comes
    back, and the worker is left behind. A stage without one runs in the caller's own thread: choose None for a
    base that is bound to the thread that made it (an SQLite connection). The limits are generous, for a model that
    is loaded by the first request counts as well; they are there for what hangs, not for what is slow.

    One part may take its stage's limit, and all parts of a stage together twice that: so that the rest of a plan is
    not lost with the one part that hung. What is left of the stage then fails at once.

    Attributes:
        embed: The query's vector, and the candidates' where the base does not give them.
        fetch: The base's search.
        sense: Every signal of both stages, and the client's history.
        plan: Both plans.
        defend: Every defense.
        model: Instead of `plan` or `defend`, for parts whose manifest says that they call a model.
        generate: The generator's answer, or the generation defense with all its calls; of a streamed answer, each
            piece. Only where a generator is asked.
        failures: Failures in a row after which a part's circuit breaker opens; None never opens it. Whoever can
            make a part fail at will can thereby have it switched off for others too: see `FailureMode.CLOSED`.
        cooldown_s: Seconds for which an open breaker keeps the part from being called; then one call probes it.
        model_calls: Calls of models under way at the same time; one more fails at once instead of queuing. None is
            no limit.
        left_behind: Workers of one stage that may hang. From then on the stage fails at once, until one comes back;
            requests that were in the stage at that moment may add theirs.
        pace_ms: No limit but the opposite: a request whose question looks like a probe leaves at a multiple of so many
            milliseconds after it came, so that a stopwatch does not tell what it was compared with. Other requests
            leave as soon as they are done. None holds nothing back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embed: float | None = Field(30_000.0, gt=0.0, allow_inf_nan=False)
    fetch: float | None = Field(60_000.0, gt=0.0, allow_inf_nan=False)
    sense: float | None = Field(5_000.0, gt=0.0, allow_inf_nan=False)
    plan: float | None = Field(2_000.0, gt=0.0, allow_inf_nan=False)
    defend: float | None = Field(10_000.0, gt=0.0, allow_inf_nan=False)
    model: float | None = Field(60_000.0, gt=0.0, allow_inf_nan=False)
    generate: float | None = Field(300_000.0, gt=0.0, allow_inf_nan=False)
    failures: int | None = Field(5, ge=1)
    cooldown_s: float = Field(30.0, gt=0.0, allow_inf_nan=False)
    model_calls: int | None = Field(8, ge=1)
    left_behind: int = Field(8, ge=1)
    pace_ms: float | None = Field(50.0, ge=1.0, le=10_000.0)

    @classmethod
    def unlimited(cls) -> Resilience:
        """No time limits, all in the caller's thread, no waiting: for measuring, where slowness changes no result."""
        return cls(**_UNLIMITED, pace_ms=None)

    def milliseconds(self, stage: str) -> float | None:
        """The limit of a stage, or of `model`; None for none, and for a stage that is not one of them."""
        limit: float | None = getattr(self, stage) if stage in _UNLIMITED else None
        return limit

    @property
    def shortest_s(self) -> float | None:
        """The shortest limit, in seconds; None where there is none."""
        limits = [limit for stage in _UNLIMITED if (limit := self.milliseconds(stage)) is not None]
        return min(limits) / 1e3 if limits else None
