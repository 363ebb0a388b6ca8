"""One URL for everything that outlives a request."""

from __future__ import annotations

import time

from defenses.ledger import MemoryLedger
from sentinel.errors import ConfigurationError, unknown_name
from sentinel.history import MemoryHistory
from strategist.state.base import Clock, State
from strategist.state.trust import MemoryTrust

SCHEMES = ("memory", "sqlite", "redis", "rediss")


def memory_state() -> State:
    """State in this process. It goes by the times of the requests, and is lost with the process."""
    return State(MemoryLedger(), MemoryHistory(), MemoryTrust(), "memory:")


def open_state(url: str, *, clock: Clock | None = None, check: bool = True) -> State:
    """Open a state by its URL.

    Args:
        url: `memory:` (this process), `sqlite:///relative/file` or `sqlite:////absolute/file` (this machine), or
            `redis://[user:password@]host[:port][/db]` and `rediss://` (many machines; needs the extra `redis`).
        clock: Replaces the store's own clock where time is simulated; seconds since the epoch. `memory:` has none.
        check: Ask a Redis server once. Without it a wrong address is found by the first request.

    Raises:
        ConfigurationError: The scheme is unknown, the rest makes no sense, or the extra is not installed.
        DataError: The file is no state file of this version.
        ComponentError: The server did not answer, or the file was locked all the time.
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise ConfigurationError(f"a state URL begins with {', '.join(f'{known}:' for known in SCHEMES)}")
    if scheme not in SCHEMES:
        raise unknown_name("scheme of a state URL", scheme, SCHEMES)
    if scheme == "memory":
        if rest:
            raise ConfigurationError("a state in memory has no name: write memory:")
        return memory_state()
    if scheme == "sqlite":
        if not rest.startswith("///") or rest in ("///", "///:memory:"):
            raise ConfigurationError(
                "a SQLite state is a file: sqlite:///relative/file or sqlite:////absolute/file; memory: is in memory"
            )
        from strategist.state.sqlite import sqlite_state

        return sqlite_state(rest[3:], clock=clock or time.time)
    try:
        from strategist.state.redis import RedisLedger, redis_state
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigurationError("state in Redis needs: pip install 'sentinel-strategist[redis]'") from None
    state = redis_state(url, clock=clock)
    if check and isinstance(state.ledger, RedisLedger):
        try:
            state.ledger.server.check()
        except BaseException:
            state.close()
            raise
    return state
