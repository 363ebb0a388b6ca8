"""How far a client's own past speaks for it: evidence that fades, and stores for it behind a small protocol.

Evidence comes from the *query stage* alone. A number that a client's later treatment hangs on must not know what a
query brought back: a prober whose trust fell only where the document exists would read membership off how its next
requests are served. `query_suspicion` takes the number out of a profile and refuses one that has seen candidates.
"""

from __future__ import annotations

import math
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

from sentinel.errors import ConfigurationError, DataError
from sentinel.manifest import Stage
from sentinel.profile import RiskProfile
from sentinel.signals import SIGNALS
from sentinel.vocabulary import Threat

VERSION = 1
PRIOR = 10.0
"""Pseudo-counts on either side of a stranger. m suspicious requests leave at least 10 / (20 + m): five leave 0.4."""
HALF_LIFE = 604_800.0
"""Seconds in which evidence halves, a week: a service account keeps its name over a weekend."""
MOST = 200.0
"""Evidence kept at most. What was earned in thousands of requests is then spent in hundreds, not thousands."""
CLIENTS_THREATS = frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION, Threat.INJECTION, Threat.UNSAFE_COMPLETION})
"""What a query's author can be up to; planted documents are somebody else's."""

_FORM = struct.Struct("<B3x3d")


@dataclass(frozen=True, slots=True)
class TrustState:
    """A Beta posterior over "a request of this client is harmless", with faded counts; immutable.

    Each request adds its suspicion s to one side and 1 - s to the other; `value` is the posterior mean under a
    Beta(`PRIOR`, `PRIOR`). It is a *share*, so 64 people behind one account answer for a prober among them by a 64th
    and not by his count. No request ever weighs more than 1, hence, whatever the order and the times: with all but m
    requests at or below 1/2, the value is PRIOR / (2 PRIOR + m) or more; and it is 1/2 or more as long as the faded
    harmless count is no smaller than the suspicious one. The other side of it: who mixes probes into harmless
    questions keeps his trust, and has to be found by what his history shows.

    Attributes:
        clear: Faded count of harmless requests.
        suspect: Faded count of suspicious ones.
        time: Seconds to which both have faded.
    """

    clear: float = 0.0
    suspect: float = 0.0
    time: float = 0.0

    @property
    def value(self) -> float:
        """Trust in [0, 1]; 0.5 for a stranger."""
        return (PRIOR + self.clear) / (2.0 * PRIOR + self.clear + self.suspect)

    def tempered(self, vouched: float | None) -> float | None:
        """What is left of an operator's word for the client: a past below 1/2 takes from it, a good one adds nothing.

        Good behaviour costs a prober nothing but patience. Were it to raise trust, twenty harmless questions would
        buy the quotas of a client that somebody knows.

        Args:
            vouched: `Request.trust`; None, nothing known, stays None.
        """
        return None if vouched is None else vouched * min(1.0, 2.0 * self.value)

    def at(self, now: float) -> TrustState:
        """The state faded to a later time; time never runs backwards, and NaN stands still."""
        if not math.isfinite(now):
            return self
        if not self.clear + self.suspect:
            return replace(self, time=now)
        if now <= self.time:
            return self
        kept = 0.5 ** ((now - self.time) / HALF_LIFE)
        return TrustState(self.clear * kept, self.suspect * kept, now)

    def after(self, suspicion: float, now: float) -> TrustState:
        """The state with one request added.

        Args:
            suspicion: P(threat) of the query stage, in [0, 1].
            now: Seconds.

        Raises:
            DataError: The suspicion is no probability.
        """
        if not 0.0 <= suspicion <= 1.0:
            raise DataError(f"a suspicion lies in [0, 1], not {suspicion!r}")
        state = self.at(now)
        clear, suspect = state.clear + 1.0 - suspicion, state.suspect + suspicion
        kept = min(1.0, MOST / (clear + suspect))
        return TrustState(clear * kept, suspect * kept, state.time)

    def dump(self) -> bytes:
        """The state as 28 bytes."""
        return _FORM.pack(VERSION, self.clear, self.suspect, self.time)

    @classmethod
    def parse(cls, raw: bytes) -> TrustState:
        """Read what `dump` wrote.

        Raises:
            DataError: Another version, or bytes that `dump` did not write.
        """
        if len(raw) != _FORM.size or raw[0] != VERSION:
            raise DataError(f"not a trust state of version {VERSION}")
        _, clear, suspect, time = _FORM.unpack(raw)
        if not (clear >= 0.0 and suspect >= 0.0 and clear + suspect <= 2.0 * MOST and math.isfinite(time)):
            raise DataError("a trust state with impossible counts")
        return cls(clear, suspect, time)


@runtime_checkable
class TrustStore(Protocol):
    """Where clients' trust lives; keys are those of `sentinel.history.client_key`."""

    def load(self, key: str, now: float) -> TrustState:
        """A client's trust, faded to now; a stranger's is 0.5.

        Raises:
            ComponentError: The store cannot say.
        """

    def record(self, key: str, suspicion: float, now: float) -> TrustState:
        """Add one request; atomic, so that no concurrent request is lost.

        Args:
            key: Whose request.
            suspicion: P(threat) in [0, 1], of the *query stage*; see `query_suspicion`.
            now: Seconds of the request's clock. A store that several processes share goes by a clock of its own.

        Returns:
            The trust with the request added.

        Raises:
            DataError: The suspicion is no probability.
            ComponentError: The store cannot say.
        """


class MemoryTrust:
    """Trust in this process, for the `clients` that asked last; thread-safe, lost with the process.

    Args:
        clients: How many are kept. Who can make client ids at will can push others out, and himself.
    """

    def __init__(self, clients: int = 100_000) -> None:
        if clients < 1:
            raise ConfigurationError(f"trust is kept of at least one client, not {clients}")
        self.clients = clients
        self._states: OrderedDict[str, TrustState] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._states)

    def load(self, key: str, now: float) -> TrustState:
        """See `TrustStore`. Reading does not keep a client alive."""
        with self._lock:
            state = self._states.get(key)
        return (state or TrustState()).at(now)

    def record(self, key: str, suspicion: float, now: float) -> TrustState:
        """See `TrustStore`."""
        with self._lock:
            state = self._states.get(key, TrustState()).after(suspicion, now)
            self._states[key] = state
            self._states.move_to_end(key)
            while len(self._states) > self.clients:
                self._states.popitem(last=False)
        return state


def query_suspicion(profile: RiskProfile) -> float | None:
    """The number that trust may move by: the largest query-stage probability of what a client can be up to.

    Args:
        profile: What `Sentinel.sense_query` returned.

    Returns:
        A probability in [0, 1], or None where nothing was evaluated: no evidence, which is not "harmless".

    Raises:
        ConfigurationError: The profile has seen candidates. Trust that moved by it would tell who is a member.
    """
    if profile.suspicion or not _late_signals().isdisjoint(profile.signals):
        raise ConfigurationError("trust moves by query-stage probabilities alone; this profile has seen candidates")
    found = [p for threat, p in profile.probabilities.items() if threat in CLIENTS_THREATS and math.isfinite(p)]
    return max(found, default=None)


@lru_cache(maxsize=1)
def _late_signals() -> frozenset[str]:
    return frozenset(name for name in SIGNALS.names() if SIGNALS.get(name).manifest.stage is not Stage.QUERY)
