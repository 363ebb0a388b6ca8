"""What the stores have in common: the three parts of a state, keys as hashes, and parts kept as bytes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from defenses.ledger import BudgetLedger
from sentinel.client_state import VERSION as HISTORY_VERSION
from sentinel.client_state import ClientState
from sentinel.errors import ComponentError, DataError
from sentinel.history import HistoryStore
from sentinel.observation import Observation
from strategist.state.trust import VERSION as TRUST_VERSION
from strategist.state.trust import TrustState, TrustStore

Clock = Callable[[], float]
"""Seconds since the epoch, as `time.time` gives them."""
Change = Callable[[bytes | None, float], bytes]
"""From the bytes that are kept (None: nothing) and the store's time to those that are to be kept."""

HISTORY_KEPT_S = 2_592_000.0
"""Seconds after its last request for which a history is kept: 30 half-lives, when a billion requests count as one."""
TRUST_KEPT_S = 7_776_000.0
"""The same for trust: 12 half-lives, when all the evidence that is kept has faded to 0.05 requests."""


def hashed(key: str) -> bytes:
    """SHA-256 of a key, 32 bytes: keys hold client ids, and none is written down.

    A pseudonym, no more: who holds the store and guesses an id can check the guess.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def reading(clock: Clock, component: str) -> float:
    """The time by a store's own clock.

    Raises:
        ComponentError: The clock does not give a finite number.
    """
    now = clock()
    if not math.isfinite(now):
        raise ComponentError(component, "the clock does not tell the time")
    return now


@dataclass(frozen=True)
class State:
    """Everything that outlives a request. One object serves all threads.

    Attributes:
        ledger: Budgets.
        history: Clients' recent pasts.
        trust: Clients' trust.
        name: Where it is kept, without a password.
        close: Gives connections back; nothing may be asked of the parts afterwards.
    """

    ledger: BudgetLedger
    history: HistoryStore
    trust: TrustStore
    name: str
    close: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Cells(Protocol):
    """Bytes by kind and key, and a clock: what a store offers to histories and trust."""

    def read(self, kind: str, key: str) -> tuple[bytes | None, float]:
        """The bytes that are kept, and the time.

        Raises:
            ComponentError: The store cannot say.
        """

    def change(self, kind: str, key: str, change: Change, kept_s: float) -> bytes:
        """Replace bytes in one atomic step; `change` may be called several times.

        Returns:
            The bytes that are now kept, for `kept_s` seconds.

        Raises:
            ComponentError: The store cannot say, or another writer was always faster. Nothing was changed.
        """


@dataclass(frozen=True)
class StoredHistory:
    """Histories as bytes in cells. The time is that of the cells; the `now` of a call is not looked at.

    The version of the format is part of the kind: a version that cannot read the other's bytes begins anew beside
    them, so that both can run at once while a service is being updated.

    Attributes:
        cells: Where the bytes are.
    """

    cells: Cells
    kind: str = f"history{HISTORY_VERSION}"

    def load(self, key: str, now: float) -> ClientState:
        """See `HistoryStore`."""
        raw, now = self.cells.read(self.kind, key)
        return _history(raw).at(now)

    def record(self, key: str, observation: Observation, now: float) -> None:
        """See `HistoryStore`."""
        self.cells.change(self.kind, key, lambda raw, now: _history(raw).after(observation, now).dump(), HISTORY_KEPT_S)


@dataclass(frozen=True)
class StoredTrust:
    """Trust as bytes in cells; see `StoredHistory`.

    Attributes:
        cells: Where the bytes are.
    """

    cells: Cells
    kind: str = f"trust{TRUST_VERSION}"

    def load(self, key: str, now: float) -> TrustState:
        """See `TrustStore`."""
        raw, now = self.cells.read(self.kind, key)
        return _trust(raw).at(now)

    def record(self, key: str, suspicion: float, now: float) -> TrustState:
        """See `TrustStore`."""
        TrustState().after(suspicion, 0.0)  # a number that makes no sense is refused before anything is asked
        raw = self.cells.change(self.kind, key, lambda raw, now: _trust(raw).after(suspicion, now).dump(), TRUST_KEPT_S)
        return _trust(raw)


def _history(raw: bytes | None) -> ClientState:
    try:
        return ClientState() if raw is None else ClientState.parse(raw)
    except DataError as error:  # what lies in the store is no fault of the request's
        raise ComponentError("history", f"the store holds {error}") from error


def _trust(raw: bytes | None) -> TrustState:
    try:
        return TrustState() if raw is None else TrustState.parse(raw)
    except DataError as error:
        raise ComponentError("trust", f"the store holds {error}") from error
