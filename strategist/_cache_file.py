"""SQLite files that hold what can be computed anew: made by whichever process is first, thrown away when corrupt."""

from __future__ import annotations

import sqlite3
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

WAIT_SECONDS = 30.0
"""How long a process waits for another one that writes."""
_LOOKED_UP_AT_ONCE = 500
"""Keys of one SELECT; SQLite before 3.32 allowed 999 parameters."""


class CacheFile(ABC):
    """Rows by key in one SQLite file, read and written in batches by several threads and processes.

    No request fails by it: a corrupt file is made anew, a folder that cannot be written to is done without, both with
    a warning.
    """

    _schema: ClassVar[int]
    _kept: ClassVar[str]
    """What is kept, as warnings call it."""
    _renewing: ClassVar[str]
    """How the warning begins that a file is made anew; it names the `path`."""

    folder: Path
    _usable = True

    @property
    @abstractmethod
    def path(self) -> Path:
        """The SQLite file."""

    @abstractmethod
    def _fill(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file."""

    @abstractmethod
    def _check(self, connection: sqlite3.Connection) -> None:
        """Raise `sqlite3.DatabaseError` for a file that cannot serve."""

    def _rows(self, select: str, keys: Sequence[bytes]) -> Iterator[Any]:
        """The rows of these keys; `select` ends before the keys in their brackets."""
        with self._database() as database:
            if database is None:
                return
            for start in range(0, len(keys), _LOOKED_UP_AT_ONCE):
                chunk = keys[start : start + _LOOKED_UP_AT_ONCE]
                yield from database.execute(f"{select} ({','.join('?' * len(chunk))})", chunk)

    def _insert(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Write rows in one transaction."""
        with self._database() as database:
            if database is not None:
                with database:
                    database.executemany(statement, rows)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection | None]:
        """A connection for one batch of work, or None where the disk cannot be used.

        Opened anew each time: a quarter of a millisecond beside a batch, and nothing is shared between threads
        or carried over a fork.
        """
        connection = self._open()
        if connection is None:
            yield None
            return
        with closing(connection):
            try:
                yield connection
            except sqlite3.DatabaseError as error:
                connection.close()
                self._failed(error)

    def _open(self) -> sqlite3.Connection | None:
        for attempt in range(2):
            if not self._usable:
                return None
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                return self._connect()
            except (OSError, sqlite3.DatabaseError) as error:
                if attempt == 0 and is_corrupt(error):
                    self._renew(error)
                else:
                    self._do_without(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != self._schema:
                create(connection, self._schema, self._fill)
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _failed(self, error: sqlite3.DatabaseError) -> None:
        """A batch was broken off."""
        self._do_without(error)

    def _renew(self, error: Exception) -> None:
        warnings.warn(f"{self._renewing.format(path=self.path)}: {error}", RuntimeWarning, stacklevel=2)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _do_without(self, error: Exception) -> None:
        if self._usable:
            self._usable = False
            warnings.warn(f"no {self._kept} in {self.folder}: {error}", RuntimeWarning, stacklevel=2)


def create(connection: sqlite3.Connection, schema: int, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make the tables of a new file; nothing where they are there.

    Args:
        connection: To the file.
        schema: Its version, kept in the file's header.
        fill: Makes the tables, within one transaction.

    Raises:
        sqlite3.DatabaseError: The file is of another schema, or SQLite cannot.
    """
    # Write-ahead logging lets readers go on beside one writer; the file remembers the mode.
    # SQLite refuses at once, without its usual waiting, while another process sets the same mode.
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if is_corrupt(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    with connection:
        # One transaction, taken at once: the second of two processes waits and finds the work done.
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == schema:
            return
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError("the file is of another schema")
        fill(connection)
        connection.execute(f"PRAGMA user_version = {schema}")


def is_corrupt(error: Exception) -> bool:
    """Whether a new file would help; it would not against a lock, a full disk or missing permissions."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    # The low byte is the primary result code. Errors of our own (another model, another schema) have none.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    }
