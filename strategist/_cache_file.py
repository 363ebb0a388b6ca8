"""SQLite files that hold what can be computed anew: made by whichever process is first, thrown away when corrupt."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

WAIT_SECONDS = 30.0
"""How long a process waits for another one that writes."""


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
