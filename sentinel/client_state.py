"""One client's recent past in at most 4 KB: an immutable view, and how one request changes it.

Every count fades with time, every table has a fixed size, and one request costs the same whatever came before. The
state is bytes with a version in front, so that any store can hold it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentinel.client_tables import (
    CLOSED_FORM,
    DOCUMENT,
    DOCUMENTS,
    OPEN_FORM,
    QUERIES,
    QUERY,
    RUN_BOUNDS,
    VALUES,
    with_documents,
)
from sentinel.errors import DataError
from sentinel.observation import CLOSED, OPEN, Observation
from sentinel.sketch import (
    BLOOM_BYTES,
    BOTTOM,
    COSINES,
    COUNTER_BYTES,
    counted,
    distinct,
    hash_in_bloom,
    in_counter,
    set_jaccard,
)

VERSION = 2
MAX_BYTES = 4096
HALF_LIFE = 86_400.0
"""Seconds in which document statistics halve: an attacker who waits them out needs days."""
RECENT = 3_600.0
"""Seconds in which the resemblance to an old query halves."""
RATE_SECONDS = (5.0, 60.0, 3_600.0)
"""Time constants of the request counters."""
WALK_KEPT = 0.8
"""Share of the outward walk that the next request inherits: a memory of about five requests."""

NEAR = (0.1, 0.5)
"""Cosine from which two queries begin to concern one subject, and at which they do."""
UNRELATED = 0.25

_HEAD = struct.Struct("<B3x10dHH")


class _Query(NamedTuple):
    """One row of the table of last queries, in plain Python."""

    time: float
    words: frozenset[int]
    sketch: int | None
    form: int


@dataclass(frozen=True)
class ClientState:
    """A client's recent past as of `time`; immutable.

    Attributes:
        time: Seconds to which everything has faded.
        requests: Faded count of requests, by `HALF_LIFE`.
        rates: Faded counts of requests, one for each of `RATE_SECONDS`.
        walk: Faded sum of outward steps.
        documents: The table of tracked documents, shape (n,), n <= `DOCUMENTS`.
        queries: The last queries, oldest first, shape (n,), n <= `QUERIES`.
        served_words: Bloom filter over the words of what was served last.
        seen: Linear counters of documents served in this epoch and the one before.
        epoch: When this epoch began.
        served: How many documents were served in the two epochs, repetitions included.
    """

    time: float = 0.0
    requests: float = 0.0
    rates: tuple[float, ...] = (0.0, 0.0, 0.0)
    walk: float = 0.0
    documents: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, DOCUMENT))
    queries: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, QUERY))
    served_words: bytes = bytes(BLOOM_BYTES)
    seen: tuple[bytes, bytes] = (bytes(COUNTER_BYTES), bytes(COUNTER_BYTES))
    epoch: float = 0.0
    served: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def _queries(self) -> list[_Query]:
        # Read out of numpy once: four signals go through these few rows, and its scalars cost ten times as much.
        table = self.queries
        sketches = table["sketch"].tobytes()
        width = len(sketches) // max(len(table), 1)
        return [
            _Query(
                time,
                frozenset(words[:size]),
                int.from_bytes(sketches[i * width : (i + 1) * width], "little") if sketched else None,
                form,
            )
            for i, (time, words, size, sketched, form) in enumerate(
                zip(*(table[name].tolist() for name in ("time", "words", "size", "sketched", "form")), strict=True)
            )
        ]

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {key: row for row, key in enumerate(self.documents["key"].tolist())}

    def at(self, now: float) -> ClientState:
        """The state faded to a later time; time never runs backwards, and NaN stands still."""
        if not self.requests:
            return replace(self, time=now, epoch=now) if math.isfinite(now) else self
        passed = now - self.time
        if not (math.isfinite(passed) and passed > 0):
            return self
        # A request fades one state twice, to be measured and to be added to: the last result is kept with the state.
        known: tuple[float, ClientState] | None = self.__dict__.get("_faded")
        if known is None or known[0] != now:
            known = self.__dict__["_faded"] = (now, self._fade(now, passed))
        return known[1]

    def _fade(self, now: float, passed: float) -> ClientState:
        kept = 0.5 ** (passed / HALF_LIFE)
        documents = self.documents.copy()
        documents.view("<f4").reshape(len(documents), DOCUMENT.itemsize // 4)[:, -len(VALUES) :] *= (
            kept  # all columns but the key
        )
        tracked = documents["count"] > 1e-3
        state = replace(
            self,
            time=now,
            requests=self.requests * kept,
            rates=tuple(r * math.exp(-passed / s) for r, s in zip(self.rates, RATE_SECONDS, strict=True)),
            walk=self.walk * 0.5 ** (passed / RECENT),
            documents=documents if tracked.all() else documents[tracked],
        )
        epochs = int(min((now - self.epoch) // HALF_LIFE, 2))
        if not epochs:
            return state
        blank = bytes(COUNTER_BYTES)
        last = (self.seen[0], self.served[0]) if epochs == 1 else (blank, 0.0)
        begun = self.epoch + HALF_LIFE * ((now - self.epoch) // HALF_LIFE)
        return replace(state, epoch=begun, seen=(blank, last[0]), served=(0.0, last[1]))

    def distinct(self, more: tuple[int, ...] = ()) -> float:
        """Estimated number of distinct documents served in this epoch and the last, with `more` keys added."""
        both = int.from_bytes(self.seen[0], "little") | int.from_bytes(self.seen[1], "little")
        return distinct(counted(more, both.to_bytes(COUNTER_BYTES, "little")))

    def was_served(self, key: int) -> bool:
        """Whether a document was served in this epoch or the last; a few per cent of false yes."""
        return in_counter(key, self.seen[0]) or in_counter(key, self.seen[1])

    def tracked(self, key: int) -> tuple[float, float, float]:
        """Hits, accumulated weight and run of one document; zeros if it is not tracked."""
        place = self._rows.get(key)
        if place is None:
            return 0.0, 0.0, 0.0
        _, _, hits, weight, run = self.documents[place].item()
        return hits, weight, run

    def totals(self, name: str, now: Observation) -> dict[int, float]:
        """A column of the table by document key, with a request's own documents added: "hits" or "weight"."""
        found: dict[int, float] = dict(zip(self._rows, self.documents[name].tolist(), strict=True))
        for hit in now.hits:
            found[hit.key] = found.get(hit.key, 0.0) + (1.0 if name == "hits" else hit.share or 0.0)
        return found

    def standing(self, totals: Mapping[int, float], keys: Sequence[int]) -> NDArray[np.float64]:
        """How far each document's total stands above the client's other documents: (x - mean) / sqrt(1 + variance).

        Mean and variance leave the document itself out. With the 1, a few hits of a new client are no certainty.
        """
        number, total = len(totals), sum(totals.values())
        squares = sum(value * value for value in totals.values())
        found = []
        for key in keys:
            own, others = totals.get(key, 0.0), number - (key in totals)
            mean = (total - own) / others if others else 0.0
            variance = max(0.0, (squares - own * own) / others - mean * mean) if others else 0.0
            found.append((own - mean) / math.sqrt(1.0 + variance))
        return np.array(found, dtype=np.float64)

    def lexical_repetition(self, now: Observation) -> float | None:
        """Largest Jaccard similarity of content words to a recent query's, halved by every `RECENT` seconds."""
        if not len(self.queries) or not len(now.words):
            return None
        words = frozenset(now.words.tolist())
        return max(set_jaccard(words, row.words) * self._recency(row) for row in self._queries)

    def semantic_repetition(self, now: Observation) -> float | None:
        """Largest cosine similarity to a recent query, halved by every `RECENT` seconds; at least 0."""
        if now.sketch is None:
            return None
        own = int.from_bytes(now.sketch, "little")
        past = [
            COSINES[(own ^ row.sketch).bit_count()] * self._recency(row)
            for row in self._queries
            if row.sketch is not None
        ]
        return max(0.0, *past) if past else None

    def series(self, now: Observation) -> float | None:
        """Log-likelihood ratio, interrogation against reading up, over the last queries and this one.

        A yes/no question speaks for it, an open one against. An earlier query counts in full if it lies close to this
        one, by `UNRELATED` if it is about something else: who asks three strangers' yes/no questions in a row is no
        interrogator yet.

        Returns:
            None where the form of this query cannot be said.
        """
        if now.yes_no is None:
            return None
        total = CLOSED if now.yes_no else OPEN
        own = int.from_bytes(now.sketch, "little") if now.sketch else None
        for row in self._queries:
            if row.form:
                near = 0.0
                if own is not None and row.sketch is not None:
                    near = COSINES[(own ^ row.sketch).bit_count()]
                related = min(1.0, max(0.0, (near - NEAR[0]) / (NEAR[1] - NEAR[0])))
                weight = (UNRELATED + (1.0 - UNRELATED) * related) * self._recency(row)
                total += weight * (CLOSED if row.form == CLOSED_FORM else OPEN)
        return max(total, RUN_BOUNDS[0])

    def _recency(self, row: _Query) -> float:
        return float(0.5 ** (max(0.0, self.time - row.time) / RECENT))

    def step(self, observation: Observation) -> float:
        """How far a request walks outwards, in [0, 1]: words learned from what was served last, to reach new documents.

        The share of the query's words that stand in the documents served last and in no recent query, times the
        share of documents that the client has not had before.
        """
        if not len(self.queries) or not len(observation.words) or not observation.hits:
            return 0.0
        asked: frozenset[int] = frozenset().union(*(row.words for row in self._queries))
        words = observation.words.tolist()
        learned = sum(word not in asked and hash_in_bloom(word, self.served_words) for word in words)
        new = sum(not self.was_served(hit.key) for hit in observation.hits)
        return learned / len(words) * new / len(observation.hits)

    def after(self, observation: Observation, now: float) -> ClientState:
        """The state with one request added."""
        state = self.at(now)
        row = np.zeros(1, QUERY)
        words = observation.words[:BOTTOM]
        row["time"], row["size"] = state.time, len(words)
        row["words"][0, : len(words)] = words
        if observation.sketch is not None:
            row["sketched"], row["sketch"] = 1, np.frombuffer(observation.sketch, np.uint8)
        if observation.yes_no is not None:
            row["form"] = CLOSED_FORM if observation.yes_no else OPEN_FORM
        return replace(
            state,
            requests=state.requests + 1.0,
            rates=tuple(r + 1.0 for r in state.rates),
            walk=state.walk * WALK_KEPT + state.step(observation),
            documents=with_documents(state.documents, observation),
            queries=np.concatenate([state.queries, row])[-QUERIES:],
            served_words=observation.served_words if observation.hits else state.served_words,
            seen=(counted([h.key for h in observation.hits], state.seen[0]), state.seen[1]),
            served=(state.served[0] + len(observation.hits), state.served[1]),
        )

    def dump(self) -> bytes:
        """The state as bytes, at most `MAX_BYTES`."""
        head = _HEAD.pack(
            VERSION, self.time, self.requests, *self.rates, self.walk, self.epoch, *self.served, 0.0,
            len(self.documents), len(self.queries),
        )  # fmt: skip
        raw = b"".join(
            (head, self.documents.tobytes(), self.queries.tobytes(), self.served_words, self.seen[0], self.seen[1])
        )
        assert len(raw) <= MAX_BYTES
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> ClientState:
        """Read what `dump` wrote.

        Raises:
            DataError: Another version, or bytes that `dump` did not write.
        """
        return _parsed(raw)

    @classmethod
    def _read(cls, raw: bytes) -> ClientState:
        if not raw or raw[0] != VERSION:
            raise DataError(f"a client state of version {raw[0] if raw else None}; this version reads {VERSION}")
        try:
            _, time, requests, *rest, documents, queries = _HEAD.unpack_from(raw)
            if documents > DOCUMENTS or queries > QUERIES:
                raise ValueError("tables too long")
            at = _HEAD.size
            table = np.frombuffer(raw, DOCUMENT, documents, at)
            at += table.nbytes
            last = np.frombuffer(raw, QUERY, queries, at)
            at += last.nbytes
            sizes = (BLOOM_BYTES, COUNTER_BYTES, COUNTER_BYTES)
            if len(raw) != at + sum(sizes) or not all(map(math.isfinite, (time, requests, *rest))):
                raise ValueError("wrong length, or numbers that are not finite")
            if bool((last["size"] > BOTTOM).any()) or not all(np.isfinite(table[n]).all() for n in VALUES):
                raise ValueError("impossible entries")
        except (ValueError, struct.error) as error:
            raise DataError(f"not a client state ({error})") from error
        parts = [raw[at : at + BLOOM_BYTES], raw[at + BLOOM_BYTES : -COUNTER_BYTES], raw[-COUNTER_BYTES:]]
        return cls(
            time, requests, tuple(rest[:3]), rest[3], table, last, parts[0], (parts[1], parts[2]), rest[4],
            (rest[5], rest[6]),
        )  # fmt: skip


@lru_cache(maxsize=256)
def _parsed(raw: bytes) -> ClientState:
    """`ClientState.parse`; a request reads the same bytes twice, to be measured and to be added to. A megabyte."""
    return ClientState._read(raw)
