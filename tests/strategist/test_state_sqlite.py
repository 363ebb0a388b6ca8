"""State in a SQLite file: the suite, then locks, corruption, foreign files, forks, and what becomes of old rows."""

from __future__ import annotations

import itertools
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from defenses import Charge
from sentinel import ComponentError, ConfigurationError, DataError
from strategist.state import open_state
from strategist.state._sqlite_file import APPLICATION, SCHEMA, SqliteFile
from strategist.state.base import HISTORY_KEPT_S
from strategist.state.sqlite import sqlite_state
from tests.strategist.state_suite import Clock, SharedSuite, seen

ONE = [Charge("client 17", 100, 10.0)]


class TestSqlite(SharedSuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder, self.places = tmp_path, 0

    def place(self):
        self.places += 1
        return self.folder / f"{self.places} ü?#%.db"

    def opened(self, place, clock):
        return sqlite_state(place, clock=clock)

    def url(self, place):
        return f"sqlite:///{place}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


def rows(path, table):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_the_file_is_its_owners_and_holds_no_client_id(path):
    with sqlite_state(path) as state:
        state.ledger.spend([Charge("client 17", 9, 10.0, member="document 4")], 0.0)
        state.history.record("client 17", seen(), 0.0)
        state.trust.record("client 17", 1.0, 0.0)
        for part in path.parent.iterdir():
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
            raw = part.read_bytes()
            assert b"client 17" not in raw
            assert b"document 4" not in raw


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_state("sqlite:///state.db") as state:
        monkeypatch.chdir("/")
        assert state.ledger.spend(ONE, 0.0) is None
        assert state.name == f"sqlite:///{tmp_path}/state.db"


def test_a_locked_file_is_said_and_nothing_was_spent(path):
    with sqlite_state(path, timeout_s=0.05) as state, closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert state.ledger.spend(ONE, 0.0) is None
        other.execute("BEGIN IMMEDIATE")
        for step in (
            lambda: state.ledger.spend(ONE, 0.0),
            lambda: state.history.record("k", seen(), 0.0),
            lambda: state.trust.record("k", 1.0, 0.0),
        ):
            with pytest.raises(ComponentError, match="locked"):
                step()
        assert state.ledger.fits(ONE, 0.0) is None, "readers wait for nobody"
        other.execute("ROLLBACK")
        assert state.ledger.spend(ONE, 0.0) is None
        assert state.ledger.peek("client 17", 10.0, 0.0) == 2
        assert state.history.load("k", 0.0).requests == 0


def test_a_thread_that_never_lets_go_holds_nobody_for_ever(path):
    file = SqliteFile(path, timeout_s=0.05)
    with file.transaction(write=True):
        told = []

        def ask():
            try:
                file.read("x", "k")
            except ComponentError as error:
                told.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert told == ["sqlite: this process's connection was busy for 0.05 s"]
    assert file.read("x", "k")[0] is None


def test_a_step_that_raises_writes_nothing(path):
    with sqlite_state(path) as state:
        file = state.ledger.file

        def fail(raw, now):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            file.change("x", "k", fail, 1.0)
        assert file.change("x", "k", lambda raw, now: b"1", 1.0) == b"1"
        state.ledger.spend(ONE, 0.0)
        file.clock = lambda: float("nan")
        with pytest.raises(ComponentError, match="clock"):
            state.ledger.spend(ONE, 0.0)
        file.clock = Clock(0.0)
        assert state.ledger.peek("client 17", 1.0, 0.0) == 1


def test_a_corrupt_file_is_never_silent(path):
    with sqlite_state(path) as state:
        for i in range(300):
            state.ledger.spend([Charge(f"key {i}", 9, 10.0)], 0.0)
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises((ComponentError, DataError), match=r"malformed|not a state file"), sqlite_state(path) as state:
        state.ledger.spend(ONE, 0.0)


def test_a_file_that_goes_bad_at_work_is_never_silent(path):
    with sqlite_state(path) as state:
        for i in range(300):
            state.ledger.spend([Charge(f"key {i}", 9, 10.0)], 0.0)
        state.ledger.file.close()
        state.ledger.file._closed = False  # the next step connects anew
        with path.open("r+b") as file:
            file.write(b"no database " * 500)
        for _ in range(2):
            with pytest.raises(ComponentError, match="not a database"):
                state.ledger.spend(ONE, 0.0)


def test_cells_that_hold_something_else_are_never_read_as_empty(path):
    with sqlite_state(path) as state:
        state.history.record("k", seen(), 0.0)
        state.trust.record("k", 1.0, 0.0)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE cell SET bytes = substr(bytes, 2)")
        for step in (
            lambda: state.history.load("k", 0.0),
            lambda: state.history.record("k", seen(), 0.0),
            lambda: state.trust.load("k", 0.0),
            lambda: state.trust.record("k", 0.0, 0.0),
        ):
            with pytest.raises(ComponentError, match="the store holds"):
                step()


def test_a_file_that_was_removed_is_said(path):
    with sqlite_state(path) as state:
        state.ledger.spend(ONE, 0.0)
        for part in list(path.parent.iterdir()):
            part.unlink()
        for _ in range(2):
            with pytest.raises(ComponentError):
                state.ledger.spend(ONE, 0.0)
        assert not path.exists(), "none is made in its place: that would give back what was spent"


def test_a_file_that_was_replaced_is_said(path):
    with sqlite_state(path.with_name("new.db")) as new:
        new.ledger.spend(ONE, 0.0)
    with sqlite_state(path) as state:
        path.with_name("new.db").replace(path)
        with pytest.raises(ComponentError, match="removed or replaced"):
            state.ledger.spend(ONE, 0.0)


def test_a_closed_state_fails(path):
    state = sqlite_state(path)
    state.close()
    with pytest.raises(ComponentError, match="closed"):
        state.ledger.spend(ONE, 0.0)


@pytest.mark.parametrize("what", ["text", "other", "version", "folder"])
def test_a_foreign_file_is_refused_and_left_as_it_is(path, what):
    if what == "text":
        path.write_text("dear diary, " * 100)
    elif what == "folder":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE mine (x)")
            if what == "version":
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    before = None if what == "folder" else path.read_bytes()
    words = {"text": "not a database", "other": "another application", "version": "schema version 2", "folder": "open"}
    with pytest.raises(ConfigurationError if what == "folder" else DataError, match=words[what]):
        sqlite_state(path)
    assert before is None or path.read_bytes() == before


def test_numbers_out_of_range_are_refused(path):
    for wrong in ({"timeout_s": 0.0}, {"timeout_s": float("inf")}, {"max_bytes": 100}):
        with pytest.raises(ConfigurationError):
            sqlite_state(path, **wrong)


def test_what_is_over_is_deleted_and_what_is_live_is_not(path):
    clock = Clock()
    with sqlite_state(path, clock=clock) as state:
        for i in range(200):
            state.ledger.spend([Charge(f"key {i}", 9, 10.0)], 0.0)
        state.ledger.spend([Charge("long", 9, 1000.0)], 0.0)
        state.history.record("old", seen(), 0.0)
        assert rows(path, "spending") == 201
        clock.now += 10.0
        for _ in range(60):
            state.ledger.spend([Charge("new", 99, 10.0)], 0.0)
        assert rows(path, "spending") == 61
        assert rows(path, "budget") == 2
        assert state.ledger.peek("long", 1000.0, 0.0) == 1
        clock.now += HISTORY_KEPT_S
        state.history.record("new", seen(), 0.0)
        assert rows(path, "cell") == 1


def test_a_full_file_is_said_and_gives_nothing_back(path):
    clock = Clock()
    with sqlite_state(path, max_bytes=2**17, clock=clock) as state:
        keys = (Charge(f"key {i}", 9, 10.0) for i in itertools.count())
        with pytest.raises(ComponentError, match="full"):
            all(state.ledger.spend([charge], 0.0) is None for charge in keys)
        taken = int(next(keys).key.split()[1]) - 1
        assert taken > 100
        assert state.ledger.peek("key 0", 10.0, 0.0) == 1
        assert state.ledger.peek(f"key {taken}", 10.0, 0.0) == 0
        assert path.stat().st_size <= 2**17


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_opens_a_connection_of_its_own(path):
    code = """
import os, sys
from defenses import Charge
from strategist.state import open_state
state = open_state(sys.argv[1])
charge = [Charge("a", 100, 3600.0)]
state.ledger.spend(charge, 0.0)
state.ledger.file._lock.acquire()  # as another thread may have
child = os.fork()
if child == 0:
    os._exit(state.ledger.spend(charge, 0.0) is not None)
ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
state.ledger.file._lock.release()
state.ledger.spend(charge, 0.0)
sys.exit(ended or state.ledger.peek("a", 3600.0, 0.0) != 3)
"""
    assert subprocess.run([sys.executable, "-c", code, f"sqlite:///{path}"], check=False, timeout=60).returncode == 0
