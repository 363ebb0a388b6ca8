"""State in Redis: what many processes on many machines share.

Each step is one Lua script or one compare-and-set, so no two processes can spend the same budget or lose each other's
records; time is the server's (`TIME`). Redis 6 or later. What has to be said plainly:

- Whether budgets survive a restart of the *server* is its own setting (`appendonly yes`). A failover to a replica that
  lags gives back what was spent in the lag. A server that evicts (`maxmemory-policy` other than `noeviction`) gives
  back budgets when memory runs short; `check` warns of it.
- On a cluster all budgets of one prefix stand on one shard, as one spending may be on any of them and a script sees
  one shard only. Histories and trust spread over all of them.
- A connection that breaks before the answer came leaves open whether the step was done. It is not tried again: a
  request may so be charged for nothing, and never be served for nothing.
"""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from defenses.ledger import Charge, check_charges
from sentinel.errors import ComponentError, ConfigurationError
from strategist.state._lua import CHANGE, PEEK, READ, SPEND
from strategist.state.base import Change, Clock, State, StoredHistory, StoredTrust, hashed, reading

TRIES = 40
"""Compare-and-sets before a record gives up, with pauses of up to `PAUSE_S` at random: a second, all in all."""
PAUSE_S = 0.05
LONGEST_S = 1e9
"""A window of more than 31 years counts as that: microseconds have to fit into a double."""
GRACE_MS = 60_000
"""A budget's key outlives its window by this much."""


def redis_state(
    server: str | redis.Redis | RedisCluster,
    *,
    prefix: str = "sentinel",
    clock: Clock | None = None,
    timeout_s: float = 1.0,
) -> State:
    """Keep state in Redis. Nothing is asked of the server yet; see `RedisServer.check`.

    Args:
        server: `redis://` or `rediss://` (TLS), as `[user:password@]host[:port][/db][?option=value]` with the options
            of redis-py; or a client of the user's own, with its timeouts and retries.
        prefix: In front of every key. Of client ids the keys hold SHA-256 hashes only.
        clock: Seconds since the epoch; None for the server's. Keys expire by the server's in any case.
        timeout_s: Bound on connecting and on each answer, unless the URL says otherwise.

    Raises:
        ConfigurationError: The URL, the prefix or the timeout makes no sense, or the client decodes its answers.
    """
    asked = RedisServer(server, prefix=prefix, clock=clock, timeout_s=timeout_s)
    return State(RedisLedger(asked), StoredHistory(asked), StoredTrust(asked), asked.name, asked.close)


class RedisServer:
    """A connection pool, the scripts, and cells of bytes. Arguments and errors as of `redis_state`."""

    def __init__(
        self,
        server: str | redis.Redis | RedisCluster,
        *,
        prefix: str = "sentinel",
        clock: Clock | None = None,
        timeout_s: float = 1.0,
    ) -> None:
        if not prefix or set(prefix) & set("{}") or not prefix.isprintable():
            raise ConfigurationError("the prefix of the keys in Redis is printable text without braces")
        if not 0.0 < timeout_s < math.inf:
            raise ConfigurationError("the timeout must be finite and above 0")
        self.prefix = prefix
        self.clock = clock
        self.owned = isinstance(server, str)
        client: Any
        if isinstance(server, str):
            self.name, client = address(server), _connected(server, timeout_s)
        else:
            self.name, client = "redis:", server
        if client.get_encoder().decode_responses:
            raise ConfigurationError("the Redis client must not decode responses: histories are bytes")
        self.client = client
        self._spend, self._peek, self._read, self._change = map(client.register_script, (SPEND, PEEK, READ, CHANGE))

    def __repr__(self) -> str:
        return f"RedisServer({self.name!r}, prefix={self.prefix!r})"

    def close(self) -> None:
        """Give connections back; a client of the user's own stays open."""
        if self.owned:
            self.client.close()

    def check(self) -> None:
        """Ask the server once, so that a wrong address is found at the start; warns of one that evicts.

        Raises:
            ComponentError: It cannot be reached, or does not run scripts.
        """
        self.read("check", "")
        try:
            memory = self.client.info("memory")
        except redis.RedisError:  # many hosted servers forbid it
            return
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and policy != "noeviction":
            warnings.warn(
                f"{self.name} evicts keys when memory runs short (maxmemory-policy {policy}): "
                "budgets that were spent are then given back; set noeviction",
                RuntimeWarning,
                stacklevel=2,
            )

    def spend(self, charges: Sequence[Charge], *, spends: bool) -> Charge | None:
        """Weigh charges, and spend them if asked to: None, or the first that does not fit."""
        if not charges:
            return None
        arguments: list[str | int] = [self._time(), int(spends)]
        for charge in charges:
            window = _window(charge.window_s)
            member = "" if charge.member is None else f"m{hashed(charge.member).hex()}"
            lifetime = window // 1000 + GRACE_MS
            arguments += [window, charge.limit, charge.amount, member, lifetime]
        refused = int(self._ask(self._spend, [self._budget(c.key) for c in charges], arguments))
        return charges[refused - 1] if refused else None

    def spent(self, key: str, window_s: float) -> int:
        """What was spent of a budget within the window."""
        return int(self._ask(self._peek, [self._budget(key)], [self._time(), _window(window_s)]))

    def read(self, kind: str, key: str) -> tuple[bytes | None, float]:
        """See `Cells`."""
        raw, now = self._ask(self._read, [self._cell(kind, key)], [self._time()])
        return raw, int(now) / 1e6

    def change(self, kind: str, key: str, change: Change, kept_s: float) -> bytes:
        """See `Cells`."""
        pauses = random.SystemRandom()
        for attempt in range(TRIES):
            raw, now = self.read(kind, key)
            new = change(raw, now)
            if self._ask(self._change, [self._cell(kind, key)], [raw or b"", new, int(kept_s * 1e3)]):
                return new
            time.sleep(pauses.uniform(0.0, min(PAUSE_S, 0.001 * 2**attempt)))
        raise ComponentError("redis", f"other writers of one client were faster {TRIES} times")

    def _ask(self, script: Any, keys: list[str], arguments: Sequence[str | int | bytes]) -> Any:
        try:
            return script(keys=keys, args=arguments)
        except (redis.RedisError, OSError) as error:
            raise ComponentError("redis", f"{self.name}: {type(error).__name__}: {error}") from error

    def _time(self) -> str:
        """The injected clock's microseconds; empty for the server's."""
        return "" if self.clock is None else str(round(reading(self.clock, "redis") * 1e6))

    def _budget(self, key: str) -> str:
        # One hash tag for all budgets: a script on a cluster sees the keys of one slot.
        return f"{{{self.prefix}:budget}}:{hashed(key).hex()}"

    def _cell(self, kind: str, key: str) -> str:
        return f"{self.prefix}:{kind}:{hashed(key).hex()}"


class RedisLedger:
    """Budgets in Redis, in an exact sliding window of microseconds; see `BudgetLedger`.

    A budget's time never runs backwards: after the server's clock is put back, the budgets that were spent meanwhile
    stand still until it has caught up, and give nothing back.

    Args:
        server: The server.
    """

    def __init__(self, server: RedisServer) -> None:
        self.server = server

    def spend(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`. One round trip; O(charges * log limit) in the server, amortised."""
        check_charges(charges, now)
        return self.server.spend(charges, spends=True)

    def fits(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`."""
        check_charges(charges, now)
        return self.server.spend(charges, spends=False)

    def peek(self, key: str, window_s: float, now: float) -> int:
        """See `BudgetLedger`."""
        return self.server.spent(key, window_s)


def address(url: str) -> str:
    """Scheme, host, port and database of a Redis URL: what may be shown.

    Raises:
        ConfigurationError: It is no such URL. The message holds nothing of it, for a password with a `/`, `#` or `?`
            in it stands where the host or the database should be.
    """
    try:
        parts = urlsplit(url)
        host, port, database = parts.hostname or "", parts.port or 6379, int(parts.path.strip("/") or 0)
        stray = bool(parts.fragment) or "@" in parts.query  # a password that its own `#` or `?` has cut short
    except ValueError:
        host, stray = "", True
    if not host or stray or database < 0 or parts.scheme not in ("redis", "rediss"):
        raise ConfigurationError(
            "not a Redis address: expected redis://[user:password@]host[:port][/db], or rediss:// for TLS, "
            "with the special characters of a password percent-encoded"
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}/{database}"


def _connected(url: str, timeout_s: float) -> redis.Redis:
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 30,
        "protocol": 2,
        "decode_responses": False,
    }
    if url.startswith("rediss:"):
        options["ssl_check_hostname"] = True  # redis-py 5 leaves the name in the certificate unread
    try:
        return redis.Redis.from_url(url, **options)
    except (ValueError, TypeError, redis.RedisError):  # a message of theirs may quote the URL
        raise ConfigurationError(f"{address(url)}: an option of the URL is not one of redis-py's") from None


def _window(seconds: float) -> int:
    """Microseconds, rounded up: a budget may come back too late, not too early."""
    return math.ceil(min(seconds, LONGEST_S) * 1e6)
