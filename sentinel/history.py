"""Where clients' histories live: behind a small protocol, in this process; `strategist.state` has others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol, runtime_checkable

from sentinel.client_state import ClientState
from sentinel.errors import DataError
from sentinel.observation import Hit, Observation

__all__ = ["ClientState", "HistoryStore", "Hit", "MemoryHistory", "Observation", "client_key"]


def client_key(tenant: str | None, client_id: str | None) -> str:
    """The key of a client's history; lengths keep ("a", "bc") and ("ab", "c") apart, None is a client of its own."""
    return "|".join("-" if part is None else f"{len(part)}:{part}" for part in (tenant, client_id))


@runtime_checkable
class HistoryStore(Protocol):
    """Where clients' histories live.

    A store that several processes share goes by a clock of its own instead of `now`: the monotonic clocks of two
    processes have nothing in common. Whoever reads a state compares its times with `ClientState.time` alone.
    """

    def load(self, key: str, now: float) -> ClientState:
        """A client's state, faded to now; an empty one for a stranger.

        Raises:
            ComponentError: The store cannot say.
        """

    def record(self, key: str, observation: Observation, now: float) -> None:
        """Add one request; atomic, so that no concurrent request is lost.

        Raises:
            ComponentError: The store cannot say.
        """


class MemoryHistory:
    """Histories in this process, for the `clients` that asked last.

    Args:
        clients: How many are kept; 4 KB each at most.
    """

    def __init__(self, clients: int = 10_000) -> None:
        if clients < 1:
            raise DataError(f"a history keeps at least one client, not {clients}")
        self.clients = clients
        self._states: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._states)

    def load(self, key: str, now: float) -> ClientState:
        """See `HistoryStore`. Reading does not keep a client alive."""
        with self._lock:
            raw = self._states.get(key)
        return (ClientState.parse(raw) if raw else ClientState()).at(now)

    def record(self, key: str, observation: Observation, now: float) -> None:
        """See `HistoryStore`."""
        with self._lock:
            raw = self._states.pop(key, None)
            state = ClientState.parse(raw) if raw else ClientState()
            self._states[key] = state.after(observation, now).dump()
            while len(self._states) > self.clients:
                self._states.popitem(last=False)
