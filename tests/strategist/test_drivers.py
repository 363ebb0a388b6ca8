"""The drivers: the same answers in both, back in time from what hangs, nothing half-done, threads bounded."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategist.drivers import Ask, adrive, drive
from strategist.guard import Guard
from strategist.resilience import (
    BulkheadFull,
    Resilience,
    StageOutOfTime,
    TimeBudgetExceeded,
    WorkersStuck,
)
from strategist.workers import WorkerPool

STAGES = ["embed", "fetch", "sense", "plan", "defend", "model"]
PATIENCE = 60.0
SHORT = 40.0
"""Milliseconds after which what hangs is given up."""


@pytest.fixture
def release():
    event = threading.Event()
    yield event
    event.set()


def driven(way, flow, guard=None):
    guard = guard or Guard()
    return drive(flow, guard) if way == "sync" else asyncio.run(adrive(flow, guard))


BOTH = pytest.mark.parametrize("way", ["sync", "async"])


def asking(*asks, answers=None):
    """A flow that asks for these things and gives what came back, errors as their type."""
    got = [] if answers is None else answers
    for ask in asks:
        try:
            got.append((yield ask))
        except Exception as error:
            got.append(type(error))
    return got


def hanging(event):
    return lambda: event.wait(PATIENCE)


def fail():
    raise KeyError("x")


async def native():
    await asyncio.sleep(0)
    return "native"


@given(
    st.lists(st.tuples(st.sampled_from([*STAGES, ""]), st.sampled_from(["value", "error", "native"])), max_size=8),
    st.sets(st.sampled_from(STAGES)),
)
def test_both_drivers_give_the_same_whatever_is_limited(kinds, unlimited):
    def asks():
        for place, (stage, kind) in enumerate(kinds):
            call = {"value": lambda place=place: place, "error": fail, "native": lambda: "native"}[kind]
            yield Ask(stage, "part", call, native if kind == "native" else None)

    limits = Resilience(**dict.fromkeys(unlimited))
    expected = [{"value": i, "error": KeyError, "native": "native"}[kind] for i, (_, kind) in enumerate(kinds)]
    assert driven("sync", asking(*asks()), Guard(limits)) == expected
    assert driven("async", asking(*asks()), Guard(limits)) == expected


@BOTH
def test_what_the_flow_raises_comes_out(way):
    def flow():
        yield Ask("sense", "part", fail)

    with pytest.raises(KeyError):
        driven(way, flow())


@BOTH
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_the_callers(way, error):
    def interrupted():
        raise error

    def flow():
        try:
            yield Ask("sense", "part", interrupted)
        except Exception:
            return "swallowed"

    with pytest.raises(error):
        driven(way, flow())


def test_without_limits_nothing_leaves_the_callers_thread():
    guard, threads = Guard(Resilience.unlimited()), []
    asks = [Ask(stage, "part", lambda: threads.append(threading.get_ident())) for stage in [*STAGES, ""]]
    driven("sync", asking(*asks), guard)
    assert set(threads) == {threading.get_ident()}
    assert (guard.pool.busy, guard.pool.idle) == (0, 0)


def test_one_stage_without_a_limit_stays_in_the_callers_thread():
    threads = []
    asks = [Ask(stage, "part", threading.get_ident) for stage in ("sense", "fetch", "defend")]
    driven("sync", asking(*asks, answers=threads), Guard(Resilience(fetch=None)))
    assert [thread == threading.get_ident() for thread in threads] == [False, True, False]


async def test_the_loop_computes_nothing_itself():
    guard = Guard(Resilience.unlimited())
    threads = await adrive(asking(Ask("sense", "part", threading.get_ident), Ask("", "x", threading.get_ident)), guard)
    assert threading.get_ident() not in threads


@BOTH
def test_the_callers_context_is_there(way):
    variable = contextvars.ContextVar("variable", default="none")

    async def awaited():
        return variable.get()

    variable.set("mine")
    asks = (Ask("sense", "part", variable.get), Ask("fetch", "base", variable.get, awaited), Ask("", "x", variable.get))
    assert driven(way, asking(*asks)) == ["mine"] * 3


# What hangs


@BOTH
def test_what_hangs_is_given_up_and_the_flow_goes_on(way, release):
    guard = Guard(Resilience(sense=SHORT))
    asks = (Ask("plan", "a", lambda: 1), Ask("sense", "b", hanging(release)), Ask("plan", "c", lambda: 2))
    assert driven(way, asking(*asks), guard) == [1, TimeBudgetExceeded, 2]
    assert guard.health()["workers"]["left_behind"] == 1
    assert guard.health()["workers"]["stuck"] == {"sense": 1}


@BOTH
def test_a_stage_takes_twice_its_limit_at_most(way, release):
    tried = []

    def hang():
        tried.append(1)
        release.wait(PATIENCE)

    asks = [Ask("sense", f"part {i}", hang) for i in range(5)] + [Ask("plan", "other", lambda: "other stage")]
    got = driven(way, asking(*asks), Guard(Resilience(sense=SHORT)))
    assert got == [TimeBudgetExceeded] * 2 + [StageOutOfTime] * 3 + ["other stage"]
    assert len(tried) == 2


@BOTH
def test_a_part_that_calls_a_model_has_a_limit_of_its_own(way, release):
    limits = Resilience(plan=SHORT, model=PATIENCE * 1000)
    slow = threading.Event()
    threading.Timer(4 * SHORT / 1000, slow.set).start()
    got = driven(way, asking(Ask("plan", "llm", lambda: slow.wait(PATIENCE), model=True)), Guard(limits))
    assert got == [True]


@BOTH
def test_what_was_given_up_is_never_heard_of_again(way, release):
    guard, late = Guard(Resilience(sense=SHORT)), []
    got = driven(way, asking(Ask("sense", "part", lambda: release.wait(PATIENCE) and late.append("late"))), guard)
    release.set()
    assert back(guard)
    assert late == ["late"]
    assert got == [TimeBudgetExceeded]


def back(guard):
    pause = threading.Event()
    for _ in range(int(PATIENCE * 100)):
        if not guard.health()["workers"]["stuck"]:
            return True
        pause.wait(0.01)
    return False


@BOTH
def test_when_too_many_hang_the_next_fails_at_once(way, release):
    guard, tried = Guard(Resilience(sense=SHORT, left_behind=2)), []

    def hang():
        tried.append(1)
        release.wait(PATIENCE)

    got = [driven(way, asking(Ask("sense", "part", hang)), guard)[0] for _ in range(5)]
    assert got == [TimeBudgetExceeded] * 2 + [WorkersStuck] * 3
    assert len(tried) == 2
    assert driven(way, asking(Ask("plan", "other", lambda: "goes on")), guard) == ["goes on"]
    release.set()
    assert back(guard)
    assert driven(way, asking(Ask("sense", "part", lambda: "works again")), guard) == ["works again"]


@pytest.mark.parametrize("stubborn", [False, True], ids=["cancellable", "swallows its cancellation"])
async def test_a_coroutine_that_hangs(stubborn):
    ever = asyncio.Event()

    async def hang():
        while True:
            try:
                await ever.wait()
                return
            except asyncio.CancelledError:
                if not stubborn:
                    raise

    guard = Guard(Resilience(fetch=SHORT))
    assert await adrive(asking(Ask("fetch", "base", fail, hang)), guard) == [TimeBudgetExceeded]
    assert bool(guard.health()["workers"]["stuck"]) or not stubborn
    ever.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert guard.health()["workers"]["stuck"] == {}


async def test_a_cancelled_request_leaves_its_worker_behind(release):
    guard, started = Guard(), threading.Event()

    def hang():
        started.set()
        release.wait(PATIENCE)

    task = asyncio.create_task(adrive(asking(Ask("sense", "part", hang), Ask("sense", "next", fail)), guard))
    while not started.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert guard.health()["workers"]["stuck"] == {"sense": 1}
    assert guard.health()["timeouts"] == {}
    release.set()
    assert await asyncio.to_thread(back, guard)


async def test_waiting_in_line_is_nobodys_fault(release):
    """Many at once and few workers: the clock of an ask runs from its beginning, not from when it queued."""
    guard = Guard(Resilience(sense=5000.0))
    guard.shared_pool = WorkerPool(1)
    pause = threading.Event()
    flows = [asking(Ask("sense", "part", lambda i=i: pause.wait(0.001) or i)) for i in range(50)]
    assert await asyncio.gather(*(adrive(flow, guard) for flow in flows)) == [[i] for i in range(50)]


# The bulkhead


def test_a_full_bulkhead_fails_and_does_not_queue(release):
    guard, inside = Guard(Resilience(model_calls=1)), threading.Event()

    def talk():
        inside.set()
        return release.wait(PATIENCE)

    def ask(call):
        return Ask("plan", "llm", guard.calling_model("llm", call), model=True)

    got = []
    first = threading.Thread(target=lambda: got.append(drive(asking(ask(talk)), guard)))
    first.start()
    assert inside.wait(PATIENCE)
    assert drive(asking(ask(talk)), guard) == [BulkheadFull]
    assert guard.health()["model_calls"] == 1
    release.set()
    first.join(PATIENCE)
    assert got == [[True]]
    assert drive(asking(ask(lambda: "free again")), guard) == ["free again"]


def test_a_call_that_was_given_up_keeps_its_place_until_it_returns(release):
    guard = Guard(Resilience(model_calls=1, model=SHORT))
    call = guard.calling_model("llm", lambda: release.wait(PATIENCE))
    assert drive(asking(Ask("plan", "llm", call, model=True)), guard) == [TimeBudgetExceeded]
    assert drive(asking(Ask("plan", "llm", guard.calling_model("llm", fail), model=True)), guard) == [BulkheadFull]
    release.set()
    assert back(guard)
    assert drive(asking(Ask("plan", "llm", guard.calling_model("llm", fail), model=True)), guard) == [KeyError]
