"""State in one SQLite file: what one machine's processes share, and what a restart must not lose.

Writers take turns (`BEGIN IMMEDIATE`), readers wait for nobody (write-ahead log), and time is the machine's wall
clock: a request's monotonic clock means nothing to another process or after a restart. A process that dies loses
nothing that was spent; a power cut may lose the last moments (`synchronous = NORMAL`), never the file. The write-ahead
log needs memory that processes share, so the file must not lie on a network drive.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Sequence

from defenses.ledger import Charge, check_charges
from strategist.state._sqlite_file import PURGED, SqliteFile
from strategist.state.base import Clock, State, StoredHistory, StoredTrust, hashed


def sqlite_state(
    path: str | os.PathLike[str], *, clock: Clock = time.time, timeout_s: float = 1.0, max_bytes: int = 2**31
) -> State:
    """Open or create a state file.

    Args:
        path: The file; its folder must exist. A new one is readable by its owner alone. Of client ids it holds
            SHA-256 hashes only.
        clock: Seconds since the epoch, the same for all who share the file; replaced where time is simulated.
        timeout_s: How long one step waits for other writers before it fails.
        max_bytes: The file grows no larger; what does not fit is refused with a `ComponentError`, for to make room
            by forgetting would give back what was spent.

    Raises:
        ConfigurationError: The file cannot be opened or created, or a number is out of range.
        DataError: It is no database, another application's, or of another schema version. It is left as it is.
        ComponentError: It was locked all the time.
    """
    file = SqliteFile(path, clock=clock, timeout_s=timeout_s, max_bytes=max_bytes)
    return State(SqliteLedger(file), StoredHistory(file), StoredTrust(file), f"sqlite:///{file.path}", file.close)


class SqliteLedger:
    """Budgets in a state file, in an exact sliding window; see `BudgetLedger`.

    Time is the file's own clock, and a budget's time never runs backwards: after a clock is put back, the budgets
    that were spent meanwhile stand still until it has caught up, and give nothing back.

    Args:
        file: The open file.
    """

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    def spend(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`. O(charges), amortised."""
        check_charges(charges, now)
        with self.file.transaction(write=True) as (db, now):
            weighed = [_Weighed(db, charge, now) for charge in charges]
            refused = next((one.charge for one in weighed if not one.fits), None)
            if refused is None:
                for one in weighed:
                    one.spend(db)
                _purge(db, now, PURGED * len(weighed))
        return refused

    def fits(self, charges: Sequence[Charge], now: float) -> Charge | None:
        """See `BudgetLedger`. Waits for no writer."""
        check_charges(charges, now)
        with self.file.transaction(write=False) as (db, now):
            return next((charge for charge in charges if not _Weighed(db, charge, now).fits), None)

    def peek(self, key: str, window_s: float, now: float) -> int:
        """See `BudgetLedger`."""
        with self.file.transaction(write=False) as (db, now):
            row = db.execute("SELECT id, latest FROM budget WHERE key = ?", (hashed(key),)).fetchone()
            if row is None:
                return 0
            start = max(now, row[1]) - window_s
            spent = "SELECT total(amount) FROM spending WHERE budget = ? AND time > ?"
            return int(db.execute(spent, (row[0], start)).fetchone()[0])


class _Weighed:
    """One charge against its budget as it stands."""

    def __init__(self, db: sqlite3.Connection, charge: Charge, now: float) -> None:
        self.charge = charge
        self.key = hashed(charge.key)
        self.member = None if charge.member is None else hashed(charge.member)
        row = db.execute("SELECT id, total, latest FROM budget WHERE key = ?", (self.key,)).fetchone()
        self.budget: int | None
        self.budget, total, latest = row or (None, 0, -math.inf)
        self.time = max(now, latest)
        self.start = self.time - charge.window_s
        over = "SELECT total(amount) FROM spending WHERE budget = ? AND time <= ?"
        self.live = total - int(db.execute(over, (self.budget, self.start)).fetchone()[0])
        known = "SELECT 1 FROM spending WHERE budget = ? AND member = ? AND time > ?"
        self.renews = db.execute(known, (self.budget, self.member, self.start)).fetchone() is not None

    @property
    def fits(self) -> bool:
        if self.renews:
            return self.charge.limit > 0
        return self.live + self.charge.amount <= self.charge.limit

    def spend(self, db: sqlite3.Connection) -> None:
        amount = self.charge.amount
        total = self.live + (0 if self.renews else amount)
        if self.budget is None:
            new = db.execute("INSERT INTO budget (key, total, latest) VALUES (?, ?, ?)", (self.key, total, self.time))
            self.budget = new.lastrowid
        else:
            db.execute("DELETE FROM spending WHERE budget = ? AND time <= ?", (self.budget, self.start))
            db.execute("UPDATE budget SET total = ?, latest = ? WHERE id = ?", (total, self.time, self.budget))
        db.execute(
            "INSERT OR REPLACE INTO spending (budget, member, time, amount, ends) VALUES (?, ?, ?, ?, ?)",
            (self.budget, self.member, self.time, amount, self.time + self.charge.window_s),
        )


def _purge(db: sqlite3.Connection, now: float, most: int) -> None:
    """Delete what is over of any budget, a few rows at a time, and budgets of which nothing is left."""
    over = db.execute(
        "SELECT id, budget, amount FROM spending WHERE ends <= ? ORDER BY ends LIMIT ?", (now, most)
    ).fetchall()
    for row, budget, amount in over:
        db.execute("DELETE FROM spending WHERE id = ?", (row,))
        db.execute("UPDATE budget SET total = total - ? WHERE id = ?", (amount, budget))
        db.execute("DELETE FROM budget WHERE id = ? AND total <= 0", (budget,))
