"""The last queries' vectors, so that one request embeds its query once, whoever asks for it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from sentinel.errors import DataError
from sentinel.vocabulary import Vector, unit


class QueryMemory:
    """Query vectors by the hash of the text, the least recently used dropped first. Threads may share it.

    Args:
        size: How many are kept.
    """

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, text: str) -> Vector | None:
        """The vector of a text, read-only as it is shared, or None."""
        with self._lock:
            vector = self._vectors.get(key := _key(text))
            if vector is not None:
                self._vectors.move_to_end(key)
            return vector

    def put(self, text: str, embedding: object) -> Vector:
        """Keep the embedding of a text, and give it back as `get` will.

        Raises:
            DataError: It has no direction.
        """
        vector = direction(embedding)
        vector.setflags(write=False)
        with self._lock:
            self._vectors[_key(text)] = vector
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
        return vector


def direction(vector: object) -> Vector:
    """The unit vector of a query, shape (d,), float32.

    Raises:
        DataError: There is none.
    """
    try:
        made = unit(vector)
    except (TypeError, ValueError) as error:
        raise DataError(f"the query vector is no vector of numbers: {error}") from None
    if made is None:
        raise DataError("the query vector has no direction: it is empty, zero, NaN or infinite, or no (d,) array")
    return made


def _key(text: str) -> bytes:
    # By hash: 256 queries of a megabyte each would be memory for the asking.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
