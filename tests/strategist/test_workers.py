"""The pool of workers: kept while there is work, replaced when one hangs, no hindrance at exit or after a fork."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from strategist import workers
from strategist.workers import WorkerPool

PATIENCE = 60.0
"""Seconds after which a test gives up on what is to happen at once."""


@pytest.fixture
def release():
    event = threading.Event()
    yield event
    event.set()


def doing(action, wanted=True):
    """A job, and an event that says that it was done."""
    done = threading.Event()

    def job():
        action()
        done.set()
        return wanted

    return job, done


def idle(pool, count):
    ticks = threading.Event()
    for _ in range(int(PATIENCE * 100)):
        if pool.idle == count:
            return True
        ticks.wait(0.01)
    return False


def test_a_worker_is_used_again():
    pool, seen = WorkerPool(), []
    for _ in range(3):
        job, done = doing(lambda: seen.append(threading.current_thread()))
        pool.submit(job)
        assert done.wait(PATIENCE)
        assert idle(pool, 1)
    assert len(set(seen)) == 1
    assert seen[0].daemon
    assert pool.busy == 0


def test_as_many_workers_as_jobs_under_way(release):
    pool = WorkerPool()
    events = []
    for _ in range(5):
        started = threading.Event()
        events.append(started)
        pool.submit(lambda started=started: started.set() or release.wait(PATIENCE))
    assert all(event.wait(PATIENCE) for event in events)
    assert pool.busy == 5
    release.set()
    assert idle(pool, 5)


def test_a_bounded_pool_lets_jobs_wait_and_replaces_who_hangs(release):
    pool, order = WorkerPool(1), []
    hangs, hung = doing(lambda: release.wait(PATIENCE), wanted=False)
    pool.submit(hangs)
    (first, one), (second, two) = doing(lambda: order.append(1)), doing(lambda: order.append(2))
    pool.submit(first)
    pool.submit(second)
    assert (pool.busy, order) == (1, [])
    pool.leave()
    assert one.wait(PATIENCE)
    assert two.wait(PATIENCE)
    assert order == [1, 2]
    assert idle(pool, 1)
    release.set()
    assert hung.wait(PATIENCE)
    assert (pool.busy, pool.idle) == (0, 1)  # the one that was left behind came back and went


def test_leaving_without_anybody_waiting_makes_room(release):
    pool = WorkerPool(1)
    pool.submit(doing(lambda: release.wait(PATIENCE), wanted=False)[0])
    pool.leave()
    assert pool.busy == 0
    job, done = doing(lambda: None)
    pool.submit(job)
    assert done.wait(PATIENCE)


def test_a_worker_without_work_ends(monkeypatch):
    monkeypatch.setattr(workers, "IDLE_S", 0.01)
    pool, seen = WorkerPool(), []
    job, done = doing(lambda: seen.append(threading.current_thread()))
    pool.submit(job)
    assert done.wait(PATIENCE)
    seen[0].join(PATIENCE)
    assert not seen[0].is_alive()
    assert (pool.busy, pool.idle) == (0, 0)


def test_a_system_without_threads_is_said_and_leaks_no_place(monkeypatch):
    pool = WorkerPool(1)

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="thread"):
            pool.submit(doing(lambda: None)[0])
    job, done = doing(lambda: None)
    pool.submit(job)
    assert done.wait(PATIENCE)


HANGING = """
import threading
from strategist.drivers import Ask, drive
from strategist.guard import Guard
from strategist.resilience import Resilience

def flow():
    try:
        yield Ask("sense", "x", threading.Event().wait)
    except Exception as error:
        return type(error).__name__

guard = Guard(Resilience(sense=20))
print(drive(flow(), guard))
"""

FORKING = """
import os
from strategist.drivers import Ask, drive
from strategist.guard import Guard

def flow():
    return (yield Ask("sense", "x", lambda: 7))

guard = Guard()
assert drive(flow(), guard) == 7
child = os.fork()
if child == 0:
    os._exit(drive(flow(), guard))  # with a pool whose idle worker stayed in the parent
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(("script", "said"), [(HANGING, "TimeBudgetExceeded"), (FORKING, "7")], ids=["exit", "fork"])
def test_a_process(script, said):
    """A worker that hangs does not keep the interpreter from ending, and a fork has a pool of its own."""
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=300, cwd=root
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, said)
    assert "Traceback" not in ended.stderr
