"""A circuit breaker: a part that failed too often in a row is left alone for a while, then probed by one call."""

from __future__ import annotations

from enum import StrEnum


class BreakerState(StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    """Calls go through."""
    OPEN = "open"
    """No call goes through."""
    HALF_OPEN = "half_open"
    """The time of rest is over: one call goes through, and its end decides."""


class Breaker:
    """Counts the failures of one part. Whoever holds it locks it.

    Args:
        failures: Failures in a row that open it; None never does.
        cooldown_s: Seconds for which it stays open. A probe of which nothing is heard for as long counts as lost,
            and the next call is the probe.
    """

    __slots__ = ("_failures", "_limit", "_opened", "_probed", "_rest", "openings")

    def __init__(self, failures: int | None, cooldown_s: float) -> None:
        self._limit = failures
        self._rest = cooldown_s
        self._failures = 0
        self._opened: float | None = None
        self._probed: float | None = None
        self.openings = 0

    def state(self, now: float) -> BreakerState:
        """What it does at `now`, in seconds of a monotonic clock."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now - self._opened < self._rest else BreakerState.HALF_OPEN

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def admit(self, now: float) -> bool:
        """Whether a call may be made; in the half-open state only the first to ask may."""
        state = self.state(now)
        if state is not BreakerState.HALF_OPEN:
            return state is BreakerState.CLOSED
        if self._probed is not None and now - self._probed < self._rest:
            return False
        self._probed = now
        return True

    def succeeded(self) -> None:
        """A call came to a good end: everything is forgotten, but for how often it opened."""
        self._failures = 0
        self._opened = self._probed = None

    def failed(self, now: float) -> bool:
        """A call failed. Says whether that opened the breaker: anew after a probe, not while it is open."""
        self._failures += 1
        if self._limit is None or self._failures < self._limit or self.state(now) is BreakerState.OPEN:
            return False
        self._opened, self._probed = now, None
        self.openings += 1
        return True
