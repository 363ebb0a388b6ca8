"""How the course of a request asks for what takes time or may fail, and what becomes of an error."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from strategist.decision import Decision
from strategist.drivers import Ask
from strategist.guard import Guard
from strategist.resilience import FailureMode

T = TypeVar("T")
Asking = Generator[Ask, Any, T]


class Halt(Exception):
    """A part failed and the mode is not to go on without it."""


class Attempts:
    """Asks for the parts of one request; a breaker hears how each went, the decision what went wrong and how long.

    Args:
        decision: The request's record.
        guard: Breakers, limits and counts of the whole process.
        on_error: The mode.
    """

    def __init__(self, decision: Decision, guard: Guard, on_error: FailureMode) -> None:
        self.decision, self.guard, self.on_error = decision, guard, on_error
        self.clock = Clock(decision)

    def base(self, stage: str, call: Callable[[], T], acall: Callable[[], Awaitable[T]] | None) -> Asking[T]:
        """Ask the base. Where it fails there is nothing to serve, and its error is the caller's."""
        try:
            answer: T = yield Ask(stage, "base", call, acall)
        except Exception as error:
            if stage:
                self.guard.failed("base", error, breaks=False)
            raise
        self.clock.lap("fetch")
        return answer

    def tried(
        self,
        stage: str,
        component: str,
        call: Callable[[], T],
        otherwise: T,
        acall: Callable[[], Awaitable[T]] | None = None,
        *,
        model: bool = False,
        essential: bool = True,
    ) -> Asking[T]:
        """Ask for something that may fail: `otherwise` is what the flow goes on with, where the mode lets it.

        What is not essential is missing in every mode, as a signal is. A component that does two things, one of which
        may fail while the other goes well, says in brackets which: each has a breaker of its own.
        """
        guard = self.guard
        try:
            guard.admit(component)
            answer: T = yield Ask(
                stage, component, guard.calling_model(component, call) if model else call, acall, model
            )
        except Exception as error:
            guard.failed(component, error)
            became = self.on_error.value if essential else "missing"
            self.decision.errors[component.partition(" (")[0]] = f"{type(error).__name__}; {became}"
            if essential and self.on_error is not FailureMode.DEGRADE:
                raise Halt from error
            guard.count("degraded" if essential else "missing")
            answer = otherwise
        else:
            guard.succeeded(component)
        finally:
            self.clock.lap(stage)
        return answer


class Clock:
    """Adds up milliseconds by stage in a decision."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.start = self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        spent = self.decision.milliseconds
        spent[stage] = spent.get(stage, 0.0) + (now - self.last) * 1e3
        self.last = now

    @property
    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.start

    def finish(self) -> Decision:
        self.decision.milliseconds["total"] = self.elapsed * 1e3
        return self.decision
