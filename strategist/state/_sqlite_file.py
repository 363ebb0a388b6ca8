"""The SQLite file under a state: its schema, its one connection by process, transactions, and cells of bytes."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sentinel.errors import ComponentError, ConfigurationError, DataError
from strategist.state.base import Change, Clock, hashed, reading

SCHEMA = 1
APPLICATION = 0x53535354
"""Stands in the header of every state file; `file` and SQLite call it the application id."""
PURGED = 4
"""Rows that are over, deleted with each row that is written: more than one, so that the file drains."""

_TABLES = """
CREATE TABLE budget (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, total INTEGER NOT NULL, latest REAL NOT NULL);
CREATE TABLE spending (
  id INTEGER PRIMARY KEY, budget INTEGER NOT NULL, member BLOB, time REAL NOT NULL, amount INTEGER NOT NULL,
  ends REAL NOT NULL, UNIQUE (budget, member)
);
CREATE INDEX spending_time ON spending (budget, time);
CREATE INDEX spending_ends ON spending (ends);
CREATE TABLE cell (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key BLOB NOT NULL, bytes BLOB NOT NULL, ends REAL NOT NULL,
  UNIQUE (kind, key)
);
CREATE INDEX cell_ends ON cell (ends);
"""

_files: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_parents: list[sqlite3.Connection] = []
"""Connections that came over a fork. SQLite forbids a child even to close them, so they are kept and never used."""


class SqliteFile:
    """The file: transactions, and cells of bytes. Arguments and errors as of `strategist.state.sqlite.sqlite_state`.

    One connection by process, one transaction at a time. It may be carried over a fork: the child opens its own.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Clock = time.time, timeout_s: float = 1.0, max_bytes: int = 2**31
    ) -> None:
        if not 0.0 < timeout_s < math.inf or max_bytes < 2**16:
            raise ConfigurationError("a state file needs a finite timeout above 0 and 64 KiB or more")
        self.path = Path(path).expanduser().absolute()
        self.clock = clock
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self._closed = False
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._connect(create=True)
        _files.add(self)

    def __repr__(self) -> str:
        return f"SqliteFile({str(self.path)!r})"

    def close(self) -> None:
        """Close the connection; whatever is asked afterwards fails."""
        with self._lock:
            self._closed = True
            self._drop()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[tuple[sqlite3.Connection, float]]:
        """One transaction and the time at which it has its turn; rolled back if the body raises.

        Raises:
            ComponentError: Locked for longer than the timeout, full, corrupt, removed or closed. Nothing was written.
        """
        if not self._lock.acquire(timeout=self.timeout_s):
            raise ComponentError("sqlite", f"this process's connection was busy for {self.timeout_s:g} s")
        try:
            connection = self._at_hand()
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN DEFERRED")
            try:
                yield connection, reading(self.clock, "sqlite")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if not _is_locked(error):
                self._drop()
            raise ComponentError("sqlite", str(error)) from error
        finally:
            self._lock.release()

    def read(self, kind: str, key: str) -> tuple[bytes | None, float]:
        """See `Cells`."""
        with self.transaction(write=False) as (db, now):
            row = db.execute("SELECT bytes FROM cell WHERE kind = ? AND key = ?", (kind, hashed(key))).fetchone()
        return (row[0] if row else None), now

    def change(self, kind: str, key: str, change: Change, kept_s: float) -> bytes:
        """See `Cells`."""
        name = hashed(key)
        with self.transaction(write=True) as (db, now):
            row = db.execute("SELECT bytes FROM cell WHERE kind = ? AND key = ?", (kind, name)).fetchone()
            new = change(row[0] if row else None, now)
            db.execute(
                "INSERT INTO cell (kind, key, bytes, ends) VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) "
                "DO UPDATE SET bytes = excluded.bytes, ends = max(ends, excluded.ends)",
                (kind, name, new, now + kept_s),
            )
            over = db.execute("SELECT id FROM cell WHERE ends <= ? ORDER BY ends LIMIT ?", (now, PURGED)).fetchall()
            db.executemany("DELETE FROM cell WHERE id = ?", over)
        return new

    def _at_hand(self) -> sqlite3.Connection:
        """The connection of this process to the file that lies at the path; the lock is held."""
        if self._closed:
            raise ComponentError("sqlite", "the state was closed")
        try:
            if self._connection is not None and self._inode != _inode(self.path):
                # Writing on into an unlinked file would go well, and be seen by nobody else.
                self._drop()
                raise ComponentError("sqlite", "the file was removed or replaced")
            return self._connection or self._connect(create=False)
        except (ConfigurationError, DataError, OSError) as error:
            self._drop()
            raise ComponentError("sqlite", str(error)) from error

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        try:
            if create:
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            inode = _inode(self.path)
            connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=rw",
                uri=True, timeout=self.timeout_s, isolation_level=None, check_same_thread=False,
            )  # fmt: skip
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"cannot open the state file {self.path}: {error}") from error
        try:
            self._prepare(connection, create)
        except sqlite3.Error as error:
            connection.close()
            if _is_locked(error):
                raise ComponentError("sqlite", str(error)) from error
            raise DataError(f"{self.path} is not a state file: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, inode
        return connection

    def _prepare(self, db: sqlite3.Connection, create: bool) -> None:
        if not _is_ours(db, self.path):
            if not create:
                raise DataError(f"{self.path} was emptied")
            _until_unlocked(db, "PRAGMA journal_mode = WAL", self.timeout_s)
            db.execute("BEGIN IMMEDIATE")
            if not _is_ours(db, self.path):  # nobody was faster
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {SCHEMA}")
            db.execute("COMMIT")
        mode = _until_unlocked(db, "PRAGMA journal_mode = WAL", self.timeout_s)
        if mode != "wal":
            raise ConfigurationError(f"{self.path}: no write-ahead log here, the journal stays {mode!r}")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA journal_size_limit = 8388608")
        page = db.execute("PRAGMA page_size").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {self.max_bytes // page}")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _after_fork(self) -> None:
        if self._connection is not None:
            _parents.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()  # another thread of the parent may have held it


def _is_ours(db: sqlite3.Connection, path: Path) -> bool:
    """Whether this is a state file; False for an empty one, and an error for anything else."""
    # In one transaction: another process may be making the file between two looks at it.
    alone = not db.in_transaction
    if alone:
        db.execute("BEGIN")
    try:
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        if alone:
            db.execute("ROLLBACK")
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != APPLICATION:
        raise DataError(f"{path} is another application's database")
    if version != SCHEMA:
        raise DataError(f"{path} has schema version {version}; this version reads {SCHEMA}")
    return True


def _until_unlocked(db: sqlite3.Connection, statement: str, timeout_s: float) -> object:
    """Run a statement that SQLite answers with "locked" at once, without waiting as it does elsewhere."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            return db.execute(statement).fetchone()[0]
        except sqlite3.OperationalError as error:
            if not _is_locked(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _inode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _after_fork() -> None:
    for file in list(_files):
        file._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
