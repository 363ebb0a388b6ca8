"""What was worked out of a text, remembered across requests, bounded in bytes and not in entries.

A passage that comes back for a second question is not taken apart twice. Attackers choose both queries and, at worst,
documents: so the bound is on memory, whatever the texts, and long texts are worked on anew each time. Queries pass
through the same memories and are forgotten by the same bound, in this process and nowhere else. Results depend on
the text alone, so that what happens to be remembered changes no measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

CACHED_CHARACTERS = 20_000
"""Longer texts are worked on anew each time: passages are shorter, and megabytes of queries must not stay in memory."""
OVERHEAD = 400
"""Bytes that an entry costs beside what its length explains."""

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """A table from texts to results that forgets what was not asked for lately (second chance, Corbato 1969).

    Looking up takes no lock: one dictionary access, and a mark that the entry is in use.

    Args:
        megabytes: What the entries may take together, by estimate.
        bytes_per_character: Of a text and its result; an estimate from above for ordinary text.
        longest: Characters of the longest text that is kept.
    """

    def __init__(self, megabytes: float, bytes_per_character: float, longest: int = CACHED_CHARACTERS) -> None:
        self.longest = longest
        self.limit = int(megabytes * 2**20)
        self.bytes_per_character = bytes_per_character
        self.bytes = 0
        self._entries: dict[str, list[Value | bool]] = {}  # result, whether it was used since the last round
        self._lock = Lock()
        self.find = self._entries.get
        _memories.add(self)

    def __len__(self) -> int:
        return len(self._entries)

    def cost(self, text: str) -> int:
        """Bytes that a text is counted for."""
        return OVERHEAD + int(self.bytes_per_character * len(text))

    def keep(self, text: str, value: Value) -> None:
        """Remember a result, unless the text is too long; the oldest that nobody asked for since make room."""
        if len(text) > self.longest or self.cost(text) > self.limit:
            return
        with self._lock:
            if text in self._entries:
                return  # another thread was faster, with the same result
            self._entries[text] = [value, False]
            self.bytes += self.cost(text)
            while self.bytes > self.limit:
                oldest = next(iter(self._entries))
                entry = self._entries.pop(oldest)
                if entry[1]:
                    entry[1] = False
                    self._entries[oldest] = entry
                else:
                    self.bytes -= self.cost(oldest)

    def all(self, texts: Sequence[str], work: Callable[[list[str]], Iterable[Value]]) -> list[Value]:
        """The results of several texts, worked out together where they are not remembered.

        Args:
            texts: The texts.
            work: Gives one result for each of the different texts that it is handed.
        """
        found: dict[str, Value] = {}
        unknown: list[str] = []
        for text in dict.fromkeys(texts):
            entry = self.find(text)
            if entry is None:
                unknown.append(text)
            else:
                entry[1] = True
                found[text] = entry[0]  # type: ignore[assignment]
        for text, value in zip(unknown, work(unknown) if unknown else (), strict=True):
            found[text] = value
            self.keep(text, value)
        return [found[text] for text in texts]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0


_memories: WeakSet[Memory[Any]] = WeakSet()


def forget() -> None:
    """Forget every text that this process remembers: for timing, and for operators who must."""
    for memory in list(_memories):
        memory.clear()


def remembered(
    megabytes: float, bytes_per_character: float = 4.0, longest: int = CACHED_CHARACTERS
) -> Callable[[Callable[[str], Value]], Callable[[str], Value]]:
    """Remember a function of a text.

    Args:
        megabytes: See `Memory`.
        bytes_per_character: See `Memory`.
        longest: See `Memory`.
    """

    def decorate(function: Callable[[str], Value]) -> Callable[[str], Value]:
        memory: Memory[Value] = Memory(megabytes, bytes_per_character, longest)
        find = memory.find

        @wraps(function)
        def call(text: str, /) -> Value:
            entry = find(text)
            if entry is not None:
                entry[1] = True
                return entry[0]  # type: ignore[return-value]
            value = function(text)
            memory.keep(text, value)
            return value

        call.memory = memory  # type: ignore[attr-defined]
        return call

    return decorate
