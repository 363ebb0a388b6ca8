"""Records in a file that threads and processes share: no line lost, none torn, whatever is rotated meanwhile."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import ConfigurationError, DataError, Request
from strategist import Decision, DefendedRetriever
from strategist.decision import text_hash
from strategist.sinks import JsonlSink, read_decisions
from tests.strategist.world import QUERY, Ranked, corpus

LENGTH = len(json.dumps(Decision(Request("q", 5, time=0.0), "rules", "abc").record(), separators=(",", ":"))) + 1


def decision(query="q", **changes):
    return Decision(Request(query, 5, time=0.0), "rules", "abc", **changes)


def write(path, count, prefix, **options):
    sink = JsonlSink(path, **options)
    for i in range(count):
        sink(decision(id=f"{prefix}-{i:04d}", at=0.0))
    sink.close()


def ids(path):
    return [record["id"] for record in read_decisions(path)]


def test_one_line_for_each_decision_and_read_back(tmp_path):
    path, made = tmp_path / "d.jsonl", [decision(f"query {i}") for i in range(5)]
    sink = JsonlSink(path)
    for one in made:
        sink(one)
    assert path.read_text().count("\n") == 5
    assert list(read_decisions(path)) == [json.loads(json.dumps(one.record())) for one in made]


def test_what_is_there_is_kept_across_restarts(tmp_path):
    for run in range(3):
        write(tmp_path / "d.jsonl", 2, str(run))
    assert ids(tmp_path / "d.jsonl") == [f"{run}-{i:04d}" for run in range(3) for i in range(2)]


# What it tells


def test_text_is_hashed_unless_asked_for(tmp_path):
    for name, options in {"hashed": {}, "keyed": {"key": "secret"}, "clear": {"text": True}}.items():
        JsonlSink(tmp_path / name, **options)(decision("who is Amanda Ripley"))
    (hashed,), (keyed,), (clear,) = (list(read_decisions(tmp_path / name)) for name in ("hashed", "keyed", "clear"))
    assert (hashed["query"], hashed["hash"]) == (text_hash("who is Amanda Ripley"), "sha256")
    assert (keyed["query"], keyed["hash"]) == (text_hash("who is Amanda Ripley", b"secret"), "hmac-sha256")
    assert (clear["query"], clear["text"]) == ("who is Amanda Ripley", True)


def test_a_bare_hash_is_found_by_trying_and_a_keyed_one_is_not(tmp_path):
    likely = [f"who is number {i}" for i in range(100)]
    for key, found in ((None, True), ("secret", False)):
        JsonlSink(tmp_path / f"{found}", key=key)(decision(likely[42]))
        (record,) = read_decisions(tmp_path / f"{found}")
        assert (record["query"] in {text_hash(text) for text in likely}) is found


def test_the_decision_s_own_key_counts_unless_the_sink_has_one(tmp_path):
    JsonlSink(tmp_path / "a")(decision(hash_key=b"own"))
    JsonlSink(tmp_path / "b", key=b"sink")(decision(hash_key=b"own"))
    assert next(read_decisions(tmp_path / "a"))["query"] == text_hash("q", b"own")
    assert next(read_decisions(tmp_path / "b"))["query"] == text_hash("q", b"sink")


def test_nobody_else_may_read_it(tmp_path):
    old = os.umask(0)
    try:
        write(tmp_path / "d.jsonl", 3, "a", max_bytes=LENGTH)
    finally:
        os.umask(old)
    files = list(tmp_path.iterdir())
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# Rotation


@settings(max_examples=25)
@given(size=st.integers(1, 5 * LENGTH), backups=st.integers(1, 4), count=st.integers(1, 12))
def test_files_hold_the_last_records_in_order(tmp_path_factory, size, backups, count):
    path = tmp_path_factory.mktemp("log") / "d.jsonl"
    write(path, count, "a", max_bytes=size, backups=backups)
    files = [file for file in path.parent.iterdir() if not file.name.endswith(".lock")]
    assert len(files) <= backups + 1
    assert all(file.stat().st_size <= size or file.read_text().count("\n") == 1 for file in files)
    kept = ids(path)
    assert kept == [f"a-{i:04d}" for i in range(count)][count - len(kept) :]
    line = path.stat().st_size // path.read_text().count("\n")
    assert len(kept) == count or len(kept) > backups * max(1, size // line)


@pytest.mark.parametrize("daily", [True, False])
def test_a_new_day_begins_a_new_file(tmp_path, daily):
    path = tmp_path / "d.jsonl"
    write(path, 2, "old", daily=daily)
    yesterday = time.time() - 86_400
    os.utime(path, (yesterday, yesterday))
    write(path, 2, "new", daily=daily)
    assert (tmp_path / "d.jsonl.1").exists() is daily
    assert ids(path) == ["old-0000", "old-0001", "new-0000", "new-0001"]


def test_more_than_nine_backups_come_in_the_order_of_their_numbers(tmp_path):
    write(tmp_path / "d.jsonl", 14, "a", max_bytes=1, backups=12)
    assert (tmp_path / "d.jsonl.12").exists()
    assert ids(tmp_path / "d.jsonl") == [f"a-{i:04d}" for i in range(1, 14)]


@pytest.mark.parametrize("gone", ["moved", "deleted"])
def test_somebody_else_s_rotation_is_noticed(tmp_path, gone):
    path = tmp_path / "d.jsonl"
    sink = JsonlSink(path)
    sink(decision(id="one"))
    path.rename(tmp_path / "elsewhere") if gone == "moved" else path.unlink()
    sink(decision(id="two"))
    assert ids(path) == ["two"]


# Many writers


def everything(path, writers, each):
    expected = sorted(f"{w}-{i:04d}" for w in range(writers) for i in range(each))
    found = ids(path)
    assert sorted(found) == expected
    for writer in range(writers):  # each writer's own order is kept
        own = [one for one in found if one.startswith(f"{writer}-")]
        assert own == sorted(own)


@pytest.mark.parametrize("size", [64_000_000, 4 * LENGTH])
def test_threads_with_one_sink_or_several_lose_nothing(tmp_path, size):
    shared = JsonlSink(tmp_path / "d.jsonl", max_bytes=size, backups=500)

    def run(writer):
        sink = shared if writer % 2 else JsonlSink(tmp_path / "d.jsonl", max_bytes=size, backups=500)
        for i in range(40):
            sink(decision(id=f"{writer}-{i:04d}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    everything(tmp_path / "d.jsonl", 8, 40)


def _writer(together, path, count, prefix, size):
    together.wait(60)
    write(path, count, prefix, max_bytes=size, backups=2_000)


@pytest.mark.parametrize(
    ("method", "size"),
    [
        ("fork", 64_000_000),
        ("fork", 3 * LENGTH),
        pytest.param("spawn", 3 * LENGTH, marks=pytest.mark.slow),  # each process imports everything anew
    ],
)
def test_processes_lose_nothing_while_they_rotate(tmp_path, method, size):
    context = multiprocessing.get_context(method)
    path = tmp_path / "d.jsonl"
    together = context.Barrier(4)
    tasks = [context.Process(target=_writer, args=(together, path, 100, str(w), size)) for w in range(4)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    assert [task.exitcode for task in tasks] == [0] * 4
    everything(path, 4, 100)


def _child(sink, writer):
    for i in range(60):
        sink(decision(id=f"{writer}-{i:04d}"))


def test_a_sink_inherited_through_a_fork_shares_no_lock(tmp_path):
    """The lock belongs to what both have open: inherited as it is, it would let both in."""
    sink = JsonlSink(tmp_path / "d.jsonl", max_bytes=6 * LENGTH, backups=500)
    sink(decision(id="first"))
    context = multiprocessing.get_context("fork")
    with sink._mutex:  # held at the fork, as by another thread
        tasks = [context.Process(target=_child, args=(sink, str(w))) for w in range(3)]
        for task in tasks:
            task.start()
    _child(sink, "3")
    for task in tasks:
        task.join(60)
    assert [task.exitcode for task in tasks] == [0] * 3
    assert ids(tmp_path / "d.jsonl")[0] == "first"
    (tmp_path / "d.jsonl.lock").unlink()
    found = ids(tmp_path / "d.jsonl")
    assert sorted(found[1:]) == sorted(f"{w}-{i:04d}" for w in range(4) for i in range(60))


def test_readers_see_whole_files_while_others_rotate(tmp_path):
    path = tmp_path / "d.jsonl"
    JsonlSink(path)(decision(id="x-0000"))
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(write, path, 300, "a", max_bytes=3 * LENGTH, backups=500)
        last = 0
        while not task.done():
            found = ids(path)
            assert found == ["x-0000", *(f"a-{i:04d}" for i in range(len(found) - 1))]
            assert len(found) >= last
            last = len(found)
        task.result()
    assert len(ids(path)) == 301


# Faults


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path):
    """A real limit: the file may grow to so many bytes and the write that crosses it is cut short by the system."""
    code = f"""
import resource, signal, sys
from sentinel import Request
from strategist import Decision
from strategist.sinks import JsonlSink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sink = JsonlSink({str(tmp_path / "d.jsonl")!r})
made = lambda: Decision(Request("q"), "rules", "abc")
sink(made()); sink(made())
resource.setrlimit(resource.RLIMIT_FSIZE, ({2 * LENGTH + LENGTH // 2}, resource.RLIM_INFINITY))
try:
    sink(made())
except OSError as error:
    assert error.errno == {errno.EFBIG}
else:
    sys.exit("nothing was raised")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink(made())
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    assert len(ids(tmp_path / "d.jsonl")) == 3


def test_the_retriever_warns_of_a_full_disk_and_serves(tmp_path, monkeypatch):
    sink = JsonlSink(tmp_path / "d.jsonl")
    made = DefendedRetriever.wrap(Ranked(docs=corpus()), sinks=[sink])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("strategist.sinks.jsonl.os.write", full)
        with pytest.warns(RuntimeWarning, match="sink failed: OSError.*No space left"):
            assert len(made.invoke(QUERY)) == 4
    made.invoke(QUERY)
    assert len(ids(tmp_path / "d.jsonl")) == 1


def test_a_writer_that_is_killed_spoils_nobody_s_line(tmp_path):
    path = tmp_path / "d.jsonl"
    code = f"""
import itertools
from tests.strategist.test_sinks_jsonl import write
for i in itertools.count():
    write({str(path)!r}, 50, str(i), max_bytes=40_000, backups=500)
    print(i, flush=True)
"""
    task = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE)
    task.stdout.readline()
    task.send_signal(signal.SIGKILL)
    task.wait()
    task.stdout.close()
    before = ids(path)
    assert len(before) >= 50
    write(path, 5, "after")  # the lock died with its owner
    assert ids(path) == [*before, *(f"after-{i:04d}" for i in range(5))]


def test_half_a_line_is_not_continued(tmp_path):
    path = tmp_path / "d.jsonl"
    sink = JsonlSink(path)
    sink(decision(id="one"))
    with path.open("a") as file:
        file.write('{"half')
    sink(decision(id="two"))
    lines = path.read_text().splitlines()
    assert [json.loads(lines[0])["id"], lines[1], json.loads(lines[2])["id"]] == ["one", '{"half', "two"]
    with pytest.raises(DataError, match=r"d\.jsonl:2: not a decision record"):
        ids(path)


@pytest.mark.parametrize("flush", ["os", "disk"])
def test_flush_says_whether_the_disk_is_waited_for(tmp_path, monkeypatch, flush):
    synced = []
    monkeypatch.setattr("strategist.sinks.jsonl.os.fsync", synced.append)
    write(tmp_path / "d.jsonl", 3, "a", flush=flush)
    assert len(synced) == (3 if flush == "disk" else 0)


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("gone/d.jsonl", {}, "folder does not exist"),
        ("", {}, "not a plain file"),
        ("d", {"max_bytes": 0}, "max_bytes"),
        ("d", {"backups": 0}, "backups"),
        ("d", {"flush": "sometimes"}, "flush"),
        ("d", {"key": ""}, "key"),
    ],
)
def test_bad_options(tmp_path, path, options, said):
    with pytest.raises(ConfigurationError, match=said):
        JsonlSink(tmp_path / path, **options)


@pytest.mark.parametrize("line", ["3", "[]", "{}", "{", '{"id": "a"}', '{"id": "a", "schema": 2}', "\x00"])
def test_lines_that_are_no_records(tmp_path, line):
    path = tmp_path / "d.jsonl"
    write(path, 1, "a")
    with path.open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(DataError, match=r"d\.jsonl:3: "):
        list(read_decisions(path))
    with pytest.raises(DataError, match="no such file"):
        list(read_decisions(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_decisions(tmp_path / "none" / "none.jsonl"))
