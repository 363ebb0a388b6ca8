"""What one engine remembers of its parts: breakers, calls under way, workers left behind, and how often what failed.

Nothing in it belongs to a request.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from strategist.breaker import Breaker, BreakerState
from strategist.resilience import (
    BulkheadFull,
    CircuitOpen,
    NotCalled,
    Resilience,
    TimeBudgetExceeded,
    WorkersStuck,
)
from strategist.workers import WorkerPool

T = TypeVar("T")
ASYNC_WORKERS = 32
"""Workers that asynchronous requests share: they only compute there, so more would not be faster."""
QUIET_S = 60.0
"""Seconds for which one kind of warning about one component is not repeated."""

_log = logging.getLogger("sentinel_strategist")


class Guard:
    """Thread-safe. One belongs to one engine.

    Args:
        resilience: The limits.
        clock: Monotonic seconds, for breakers and warnings; replaced where time is simulated.
    """

    def __init__(self, resilience: Resilience | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.resilience = Resilience() if resilience is None else resilience
        self.pool = WorkerPool()
        self.shared_pool = WorkerPool(ASYNC_WORKERS)
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._timeouts: Counter[str] = Counter()
        self._not_called: Counter[str] = Counter()
        self._stuck: Counter[str] = Counter()
        self._process = os.getpid()
        self._models = 0
        self._warned: dict[tuple[str, str], tuple[float, int]] = {}

    def admit(self, component: str) -> None:
        """Say that a component is about to be called.

        Raises:
            CircuitOpen: It failed too often.
        """
        breaker = self._breakers.get(component)
        if breaker is None:
            return
        with self._lock:
            if not breaker.admit(self._clock()):
                raise CircuitOpen(component, f"{breaker.failures} failures in a row")

    def succeeded(self, component: str) -> None:
        """Say that a call came to a good end."""
        breaker = self._breakers.get(component)
        if breaker is None or not breaker.failures:
            return
        with self._lock:
            state = breaker.state(self._clock())
            if state is BreakerState.OPEN:
                return  # a call from before it opened: not the probe
            breaker.succeeded()
        if state is BreakerState.HALF_OPEN:
            _log.warning("%s works again", component)

    def failed(self, component: str, error: Exception, breaks: bool = True) -> None:
        """Say that a call failed, or was not made.

        Args:
            component: Whose call.
            error: How; its type is told, its text is not.
            breaks: Whether the component has a circuit breaker.
        """
        kind, opened = type(error).__name__, 0
        with self._lock:
            if isinstance(error, NotCalled):
                self._not_called[component] += 1
            else:
                self._failures[component] += 1
                if isinstance(error, TimeBudgetExceeded):
                    self._timeouts[component] += 1
                if breaks:
                    limits = self.resilience
                    breaker = self._breakers.get(component)
                    if breaker is None:
                        breaker = self._breakers[component] = Breaker(limits.failures, limits.cooldown_s)
                    opened = breaker.failures if breaker.failed(self._clock()) else 0
        self._warn(component, f"failed: {kind}")
        if opened:
            _log.warning("%s failed %d times in a row and is left alone for a while", component, opened)

    def count(self, what: str) -> None:
        """Count an event; see `health`."""
        with self._lock:
            self._counts[what] += 1

    def calling_model(self, component: str, call: Callable[[], T]) -> Callable[[], T]:
        """The call behind the bulkhead. A call that was given up holds its place until it returns.

        Raises:
            BulkheadFull: On calling, where too many are under way.
        """

        def guarded() -> T:
            limit = self.resilience.model_calls
            with self._lock:
                if limit is not None and self._models >= limit:
                    raise BulkheadFull(component, f"{limit} calls of models are under way")
                self._models += 1
            try:
                return call()
            finally:
                with self._lock:
                    self._models -= 1

        return guarded

    def stuck(self, stage: str) -> Exception | None:
        """The error to fail with where too many workers of a stage hang."""
        if not self._stuck:
            return None
        with self._lock:
            if self._process != os.getpid():  # a fork has none of its parent's workers
                self._process = os.getpid()
                self._stuck.clear()
            count = self._stuck[stage]
        return WorkersStuck(stage, f"{count} workers hang") if count >= self.resilience.left_behind else None

    def left_behind(self, stage: str, timed_out: bool = True) -> None:
        """Say that a worker hangs, or that its caller was interrupted."""
        with self._lock:
            self._stuck[stage] += 1
            self._counts["left_behind"] += 1
        if timed_out:
            self._warn(stage, "took too long, and a worker was left behind")

    def came_back(self, stage: str) -> None:
        """Say that a worker that was left behind has ended."""
        with self._lock:
            self._stuck[stage] = max(0, self._stuck[stage] - 1)

    def health(self) -> dict[str, Any]:
        """How it stands, as plain JSON values; see `DefendedRetriever.health`."""
        with self._lock:
            now = self._clock()
            counts = dict(self._counts)
            return {
                "requests": {mode: counts.get(mode, 0) for mode in ("enforced", "shadow", "allowed", "passive")},
                "closed": counts.get("closed", 0),
                "open": counts.get("open", 0),
                "degraded": counts.get("degraded", 0),
                "missing": counts.get("missing", 0),
                "spared": counts.get("spared", 0),
                "failures": dict(self._failures),
                "timeouts": dict(self._timeouts),
                "not_called": dict(self._not_called),
                "breakers": {
                    name: {
                        "state": breaker.state(now).value,
                        "failures": breaker.failures,
                        "openings": breaker.openings,
                    }
                    for name, breaker in self._breakers.items()
                },
                "workers": {
                    "busy": self.pool.busy + self.shared_pool.busy,
                    "idle": self.pool.idle + self.shared_pool.idle,
                    "left_behind": counts.get("left_behind", 0),
                    "stuck": {stage: count for stage, count in self._stuck.items() if count},
                },
                "model_calls": self._models,
            }

    def _warn(self, component: str, what: str) -> None:
        with self._lock:
            now = self._clock()
            last, held_back = self._warned.get((component, what), (-float("inf"), 0))
            if now - last < QUIET_S:
                self._warned[component, what] = (last, held_back + 1)
                return
            self._warned[component, what] = (now, 0)
        more = f" ({held_back} more since the last warning)" if held_back else ""
        _log.warning("%s %s%s", component, what, more)
