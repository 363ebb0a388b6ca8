"""Vectors kept on disk by the hash of their text, so that no passage is embedded twice by the same model."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.runnables.config import run_in_executor
from numpy.typing import NDArray

from sentinel._files import cache_folder
from sentinel.errors import DataError
from strategist._cache_file import CacheFile, is_corrupt
from strategist.embeddings import Vectors, fingerprint, unit_rows

SCHEMA = 1
_EMBEDDED_AT_ONCE = 256
"""Misses embedded between two writes: what an interruption loses."""

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, crc INTEGER NOT NULL, vector BLOB NOT NULL) WITHOUT ROWID;
"""


class EmbeddingCache(CacheFile, Embeddings):
    """Any `Embeddings`, with the vectors of passages kept in SQLite.

    One file per fingerprint, one row per text: SHA-256 of the text, a checksum, the vector as little-endian
    float32. Several threads and processes may share it. The cache never fails a request: a corrupt file is
    rebuilt with a warning, a folder that cannot be written to is done without, with a warning.

    Queries are passed through, and stay off the disk, unless `cache_queries` asks for them.

    Args:
        embeddings: The model to spare.
        folder: Where the file lies; by default $SENTINEL_CACHE, else ~/.cache/sentinel-strategist. Created
            readable by its owner alone, as a text can be guessed from its vector.
        fingerprint: Name of the vector space, for models whose class and public attributes do not tell them apart.
        progress: Called with (done, total) texts while those that are missing are embedded. What it raises
            stops the work; what was embedded until then is kept.
        cache_queries: Keep the vectors of queries too, apart from those of passages.
    """

    _schema = SCHEMA
    _kept = "embedding cache"
    _renewing = "rebuilding the embedding cache {path}"

    def __init__(
        self,
        embeddings: Embeddings,
        folder: str | os.PathLike[str] | None = None,
        *,
        fingerprint: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        cache_queries: bool = False,
    ) -> None:
        self.inner = embeddings
        self.folder = Path(folder).expanduser() if folder is not None else cache_folder()
        self.progress = progress
        self._fingerprint = fingerprint
        self._cache_queries = cache_queries
        self._path: Path | None = None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model behind the cache; a store accepts either."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.inner)
        return self._fingerprint

    @property
    def path(self) -> Path:
        """The SQLite file. Its name is a hash of the fingerprint."""
        if self._path is None:
            name = hashlib.sha256(self.fingerprint.encode()).hexdigest()[:16]
            self._path = self.folder / f"embeddings-{name}.sqlite3"
        return self._path

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Embed passages, each distinct text at most once.

        Args:
            texts: n passages.

        Returns:
            Unit vectors, shape (n, d), float32.

        Raises:
            DataError: The model gave a vector without direction, or vectors of another number or length.
        """
        return unit_rows(self._vectors(list(texts), b"d"), "embedding")

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed many queries and keep their vectors, whatever `cache_queries` says: unit vectors, shape (n, d)."""
        return unit_rows(self._vectors(list(texts), b"q"), "embedding")

    async def aembed_array(self, texts: Sequence[str]) -> Vectors:
        """Async twin of `embed_array`, in a worker thread."""
        return await run_in_executor(None, self.embed_array, texts)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages as the model does (not scaled), rounded to float32."""
        vectors: list[list[float]] = self._vectors(texts, b"d").tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Embed one query as the model does; from the cache only with `cache_queries`."""
        if not self._cache_queries:
            return self.inner.embed_query(text)
        vector: list[float] = self._vectors([text], b"q")[0].tolist()
        return vector

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Async twin of `embed_documents`, in a worker thread."""
        return await run_in_executor(None, self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Async twin of `embed_query`: the model's own, or a worker thread with `cache_queries`."""
        if not self._cache_queries:
            return await self.inner.aembed_query(text)
        return await run_in_executor(None, self.embed_query, text)

    def _vectors(self, texts: list[str], kind: bytes) -> NDArray[np.float32]:
        """The model's vectors of the texts, shape (n, d): from disk, and from the model what is missing."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        keys = [_key(text, kind) for text in texts]
        found = self._read(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        names, total = list(missing), len(missing)
        for start in range(0, total, _EMBEDDED_AT_ONCE):
            chunk = names[start : start + _EMBEDDED_AT_ONCE]
            made = self._embed([missing[key] for key in chunk], kind)
            new = dict(zip(chunk, made, strict=True))
            self._write(new)
            found |= new
            if self.progress is not None:
                self.progress(start + len(chunk), total)
        lengths = {len(vector) for vector in found.values()}
        if len(lengths) != 1:
            raise DataError(
                f"vectors of lengths {sorted(lengths)} under one fingerprint, {self.fingerprint!r}: "
                f"give this model a fingerprint of its own, or delete {self.path}"
            )
        return np.stack([found[key] for key in keys])

    def _embed(self, texts: list[str], kind: bytes) -> NDArray[np.float32]:
        direct = getattr(self.inner, "embed_queries" if kind == b"q" else "embed_array", None)
        made: object
        if callable(direct):
            made = direct(texts)
        elif kind == b"q":
            made = [self.inner.embed_query(text) for text in texts]
        else:
            made = self.inner.embed_documents(texts)
        # Checked before it is kept, so that a bad vector is an error each time and never a lasting one.
        unit_rows(made, "embedding")
        vectors = np.asarray(made, dtype=np.float32)
        if len(vectors) != len(texts):
            raise DataError(f"the embedding model gave {len(vectors):,} vectors for {len(texts):,} texts")
        return vectors

    def _read(self, keys: list[bytes]) -> dict[bytes, NDArray[np.float32]]:
        found: dict[bytes, NDArray[np.float32]] = {}
        for key, crc, blob in self._rows("SELECT key, crc, vector FROM vectors WHERE key IN", keys):
            # SQLite has no checksums of its own: a flipped bit in a vector would pass for a vector.
            if isinstance(blob, bytes) and len(blob) % 4 == 0 and zlib.crc32(blob) == crc:
                found[bytes(key)] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
        return found

    def _write(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        rows = [
            (key, zlib.crc32(blob), blob) for key, vector in vectors.items() if (blob := vector.astype("<f4").tobytes())
        ]
        self._insert("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def _fill(self, connection: sqlite3.Connection) -> None:
        for statement in _TABLES.strip().splitlines():
            connection.execute(statement)
        connection.execute("INSERT INTO about VALUES ('fingerprint', ?)", (self.fingerprint,))

    def _check(self, connection: sqlite3.Connection) -> None:
        (owner,) = connection.execute("SELECT value FROM about WHERE name = 'fingerprint'").fetchone() or ("",)
        if owner != self.fingerprint:
            raise sqlite3.DatabaseError("the file belongs to another model")
        connection.execute("SELECT 1 FROM vectors LIMIT 1")

    def _failed(self, error: sqlite3.DatabaseError) -> None:
        if is_corrupt(error):
            self._renew(error)
        else:
            self._do_without(error)

    def _renew(self, error: Exception) -> None:
        """Make the corrupt file anew, unless another process has done it meanwhile."""
        try:
            with closing(self._connect()) as connection:
                if connection.execute("PRAGMA quick_check").fetchone() == ("ok",):
                    return
        except sqlite3.DatabaseError as found:
            if not is_corrupt(found):
                return
        super()._renew(error)


def _key(text: str, kind: bytes) -> bytes:
    # Passages and queries may have different prompts, so the same words may have two vectors.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() + kind
