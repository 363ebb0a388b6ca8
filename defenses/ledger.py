"""Budgets that are spent: what a defense asks of a ledger, and one that lives in this process.

A ledger knows windows, limits and keys, and nothing of documents or clients: whoever spends makes the keys. Ledgers
that outlive the process, or are shared by several, are in `strategist.state`.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sentinel.errors import ComponentError, ConfigurationError


@dataclass(frozen=True, slots=True)
class Charge:
    """One claim on one budget.

    Attributes:
        key: Which budget.
        limit: What may be spent of it within the window; 0 refuses everything.
        window_s: Length of the window in seconds.
        amount: How much is spent.
        member: If given, the budget counts *distinct* members: one that was spent within the window costs nothing
            more and counts as spent anew, so that it stays a full window longer.

    Raises:
        ConfigurationError: A number is out of range, or a member is to cost more than 1.
    """

    key: str
    limit: int
    window_s: float
    amount: int = 1
    member: str | None = None

    def __post_init__(self) -> None:
        if self.amount < 1 or self.limit < 0 or not 0.0 < self.window_s < math.inf:
            raise ConfigurationError("a charge needs an amount of 1 or more, a limit of 0 or more and a finite window")
        if self.member is not None and self.amount != 1:
            raise ConfigurationError("a distinct member is charged 1")


@runtime_checkable
class BudgetLedger(Protocol):
    """Where budgets live. Every implementation keeps these promises, in one process or many."""

    def spend(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """Spend all charges or none, in one atomic step.

        Args:
            charges: On different keys.
            now: Seconds of the request's clock. A ledger that several processes share goes by a clock of its own,
                for monotonic clocks of two machines have nothing in common.

        Returns:
            None if everything was spent, else the first charge that did not fit, and nothing was.

        Raises:
            ConfigurationError: Two charges are on one key, or the time is not finite.
            ComponentError: The ledger cannot say: it is full or out of reach. Nothing was spent, unless a connection
                broke before the answer came; then it may have been, once.
        """

    def fits(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """What `spend` would answer; spends nothing."""

    def peek(self, key: str, window_s: float, now: float) -> int:
        """What was spent of a budget within the window that ends now."""


def check_charges(charges: Sequence[Charge], now: float) -> None:
    """What every ledger asks of a call before it looks at a budget.

    Raises:
        ConfigurationError: Two charges are on one key, or the time is not finite.
    """
    if len({charge.key for charge in charges}) != len(charges):
        raise ConfigurationError("charges of one spending must be on different keys")
    if not math.isfinite(now):
        raise ConfigurationError("the time of a spending must be finite")


@dataclass(slots=True)
class _Account:
    """What was spent of one budget: (seconds, amount) by member, oldest first."""

    spent: dict[str | int, tuple[float, int]] = field(default_factory=dict)
    total: int = 0
    latest: float = -math.inf
    serial: int = 0

    def at(self, now: float, window_s: float) -> float:
        """Forget what is older than the window. A key's clock never runs backwards; gives its time."""
        now = max(now, self.latest)
        while self.spent:
            oldest = next(iter(self.spent))
            time, amount = self.spent[oldest]
            if time > now - window_s:
                break
            del self.spent[oldest]
            self.total -= amount
        return now

    def fits(self, charge: Charge) -> bool:
        if charge.member is not None and charge.member in self.spent:
            return charge.limit > 0
        return self.total + charge.amount <= charge.limit

    def add(self, charge: Charge, now: float) -> None:
        self.serial += 1
        entry = self.serial if charge.member is None else charge.member
        self.total += charge.amount - self.spent.pop(entry, (0.0, 0))[1]
        self.spent[entry] = (now, charge.amount)
        self.latest = now


class MemoryLedger:
    """Budgets in this process, in a sliding window: at no time was more than the limit spent in the window before it.

    Exact: each spending is kept with its time until it leaves the window, at most `limit` of them by key. One key is
    to be used with one window. Thread-safe. Everything is lost with the process; budgets that must survive a restart
    need another ledger: `strategist.state.open_state`.

    Args:
        keys: Budgets kept at once. When all of them are live, further ones are refused with an error: forgetting one
            to make room would give back what was spent, and an attacker can make keys.
    """

    def __init__(self, keys: int = 1_000_000) -> None:
        if keys < 1:
            raise ConfigurationError(f"a ledger keeps at least one budget, not {keys}")
        self.keys = keys
        self._accounts: dict[str, _Account] = {}
        self._ends: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._accounts)

    def __bool__(self) -> bool:
        """An empty ledger is one all the same: `ledger or MemoryLedger()` must not open a second budget."""
        return True

    def spend(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`. O(charges * log keys), amortised."""
        with self._lock:
            times, refused = self._weigh(charges, now)
            if refused:
                return refused
            new = sum(charge.key not in self._accounts for charge in charges)
            if len(self._accounts) + new > self.keys:
                raise ComponentError("ledger", f"all {self.keys:,} budgets are in use")
            for charge, time in zip(charges, times, strict=True):
                self._accounts.setdefault(charge.key, _Account()).add(charge, time)
                self._outlast(charge.key, time + charge.window_s)
        return None

    def fits(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`."""
        with self._lock:
            return self._weigh(charges, now)[1]

    def peek(self, key: str, window_s: float, now: float) -> int:
        """See `BudgetLedger`."""
        with self._lock:
            account = self._accounts.get(key)
            if account is None:
                return 0
            start = max(now, account.latest) - window_s
            return sum(amount for time, amount in account.spent.values() if time > start)

    def _weigh(self, charges: Sequence[Charge], now: float) -> tuple[list[float], Charge | None]:
        """Each key's time, and the first charge that does not fit."""
        check_charges(charges, now)
        self._expire(now)
        times: list[float] = []
        for charge in charges:
            account = self._accounts.get(charge.key)
            times.append(now if account is None else account.at(now, charge.window_s))
            if not (account or _Account()).fits(charge):
                return times, charge
        return times, None

    def _outlast(self, key: str, end: float) -> None:
        # One queue entry by key; where it comes due too early, `_expire` puts it back with the later end.
        if key not in self._ends:
            heapq.heappush(self._queue, (end, key))
        self._ends[key] = max(end, self._ends.get(key, end))

    def _expire(self, now: float) -> None:
        while self._queue and self._queue[0][0] <= now:
            _, key = heapq.heappop(self._queue)
            if self._ends[key] > now:
                heapq.heappush(self._queue, (self._ends[key], key))
            else:
                del self._ends[key], self._accounts[key]
