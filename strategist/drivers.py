"""Runs a flow, which asks for one thing after another, within time limits: synchronously or asynchronously.

A flow is a generator that computes nothing itself: it yields an `Ask` and is sent the answer, or has the error thrown
at it. Hand-over to a worker thread costs more than most stages take, so one worker goes through as many asks as it
can while the caller watches the clock. When an ask takes too long, the worker is left behind with it. The flow stands
at its `yield`, untouched, and goes on elsewhere with a `TimeBudgetExceeded`; what the hanging ask gives one day is
thrown away. Nothing that an ask runs may therefore write to what the flow reads.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from strategist.guard import Guard
from strategist.resilience import Resilience, StageOutOfTime, TimeBudgetExceeded
from strategist.workers import WorkerPool

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a flow wants done.

    Attributes:
        stage: Whose time it takes, as in `Resilience`; "" for what has no limit.
        component: Who does it.
        call: How to do it.
        acall: The native asynchronous form, if there is one; without it, `call` runs in a worker.
        model: Whether the component calls a model, which may take longer.
        waits: Whether it mostly waits for somebody else, for as long as it likes: it then has a worker to itself, also
            among asynchronous requests, whose computing shares a few.
    """

    stage: str
    component: str
    call: Callable[[], Any]
    acall: Callable[[], Awaitable[Any]] | None = None
    model: bool = False
    waits: bool = False

    @property
    def limit(self) -> str:
        """Which limit of `Resilience` holds for it."""
        return "model" if self.model else self.stage


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The end of a flow."""

    value: T


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


Flow = Generator[Ask, Any, T]


def drive(flow: Flow[T], guard: Guard) -> T:
    """Run a flow to its end. The caller is back when it ends or when the time of its stages is over.

    Raises:
        Exception: Whatever the flow raises.
    """
    meter = Meter(guard)
    at = step(flow, None)
    while not isinstance(at, Done):
        at = onward(flow, at, meter)
    return at.value


async def adrive(flow: Flow[T], guard: Guard) -> T:
    """Run a flow to its end without blocking the event loop. See `drive`."""
    meter = Meter(guard)
    at = step(flow, None)
    while not isinstance(at, Done):
        at = await aonward(flow, at, meter)
    return at.value


def onward(flow: Generator[S, Any, T], ask: Ask, meter: Meter) -> S | Done[T]:
    """Do what is asked for, and whatever a worker can do after it."""
    if not meter.limited(ask):
        return step(flow, _answer(ask))
    pool = meter.guard.pool
    leg = _Leg(flow, ask, meter, pool, meter.limited)
    pool.submit(leg)
    at: S | Done[T] = leg.wait()
    return at


async def aonward(flow: Generator[S, Any, T], ask: Ask, meter: Meter) -> S | Done[T]:
    """As `onward`, without blocking the event loop."""
    if ask.acall is not None:
        return step(flow, await _awaited(ask, ask.acall, meter))
    pool = meter.guard.pool if ask.waits else meter.guard.shared_pool
    leg = _AsyncLeg(flow, ask, meter, pool, lambda other: other.acall is None and other.waits == ask.waits)
    pool.submit(leg)
    at: S | Done[T] = await leg.finished()
    return at


def step(flow: Generator[S, Any, T], answer: Any) -> S | Done[T]:
    """Give a flow an answer, or throw it the error that came instead: where it stands then."""
    # StopIteration cannot cross threads or futures, so the result is handed over as a value.
    try:
        return flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as done:
        return Done(done.value)


def _answer(ask: Ask) -> Any:
    try:
        return ask.call()
    except Exception as error:  # the flow knows what to make of it
        return error


class Meter:
    """The time that one request has left, by stage. Used by whoever runs the flow at the moment."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.limits: Resilience = guard.resilience
        self._used: dict[str, float] = {}

    def limited(self, ask: Ask) -> bool:
        """Whether there is a limit to keep."""
        return self.limits.milliseconds(ask.limit) is not None

    def left(self, ask: Ask) -> float | None:
        """Seconds that it may take; None without a limit.

        The limit itself, as long as all asks of the stage together stay within twice of it: a part that hangs takes
        its own time and not that of those behind it, who would be blamed for it.
        """
        limit = self.limits.milliseconds(ask.limit)
        if limit is None:
            return None
        return min(limit, 2.0 * limit - self._used.get(ask.limit, 0.0)) / 1e3

    def refusal(self, ask: Ask) -> Exception | None:
        """Why it is not even tried."""
        left = self.left(ask)
        if left is None:
            return None
        if left < 1e-6:  # what rounding left over is no time
            return StageOutOfTime(ask.component, f"the time of {ask.limit} was gone")
        return self.guard.stuck(ask.stage)

    def spent(self, ask: Ask, seconds: float) -> None:
        """Say how long it took."""
        self._used[ask.limit] = self._used.get(ask.limit, 0.0) + seconds * 1e3

    def overrun(self, ask: Ask, seconds: float) -> Exception:
        """Say that it took more than it may; the error to go on with."""
        self.spent(ask, seconds)
        self.guard.left_behind(ask.stage)
        return TimeBudgetExceeded(ask.component, f"more than {seconds * 1e3:.0f} ms of {ask.limit}")


class _Leg:
    """One worker's part of a request: asks and steps, as far as they are its own.

    Who owns the flow is settled by the lock: the worker, until the caller finds it overdue in the middle of an ask.
    """

    def __init__(
        self,
        flow: Generator[Any, Any, Any],
        ask: Ask,
        meter: Meter,
        pool: WorkerPool,
        mine: Callable[[Ask], bool],
    ) -> None:
        self._flow, self._ask, self._meter, self._pool, self._mine = flow, ask, meter, pool, mine
        self._context = copy_context()
        self._lock = threading.Lock()
        self._running: Ask | None = None
        self._started = 0.0
        self._deadline: float | None = None
        self._lost = False
        self._end: Any = None
        self._tick = meter.limits.shortest_s
        self._ended = threading.Lock()
        self._ended.acquire()

    def __call__(self) -> bool:
        """Run in a worker; False if it was left behind."""
        return self._context.run(self._work)

    def _work(self) -> bool:
        at: Any = self._ask
        try:
            while isinstance(at, Ask) and self._mine(at):
                answer: Any = self._meter.refusal(at)
                if answer is None:
                    if not self._begin(at):
                        return True  # nobody waits any more
                    try:
                        answer = at.call()
                    except BaseException as error:
                        answer = error
                    if not self._finish():
                        self._meter.guard.came_back(at.stage)
                        return False
                    self._meter.spent(at, time.monotonic() - self._started)
                    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
                        raise answer  # an interrupt is the caller's
                at = step(self._flow, answer)
        except BaseException as error:  # of the flow, hence for the caller
            at = _Raised(error)
        self._end = at
        self._deliver()
        return True

    def _deliver(self) -> None:
        self._ended.release()

    def _begin(self, ask: Ask) -> bool:
        left = self._meter.left(ask)
        with self._lock:
            if self._lost:
                return False
            self._running, self._started = ask, time.monotonic()
            self._deadline = None if left is None else self._started + left
        return True

    def _finish(self) -> bool:
        with self._lock:
            self._running = self._deadline = None
            return not self._lost

    def _patience(self) -> float | None:
        """Seconds to wait before looking at the clock. None is for ever.

        The worker goes from ask to ask, each with a deadline of its own. Looking as often as the shortest limit, the
        caller has looked at least once before any deadline, and waits for just that one from then on.
        """
        deadline = self._deadline
        if self._tick is None or deadline is None:
            return self._tick
        return min(self._tick, max(deadline - time.monotonic(), 0.0))

    def _overdue(self) -> Exception | None:
        """Take the flow from a worker whose time is over: the error to go on with."""
        with self._lock:
            ask, deadline = self._running, self._deadline
            if ask is None or deadline is None or time.monotonic() < deadline:
                return None
            self._lost = True
        error = self._meter.overrun(ask, deadline - self._started)
        self._pool.leave()
        return error

    def _abandon(self) -> None:
        """The caller was interrupted: let the worker end, and if it is in the middle of an ask, count on no return."""
        with self._lock:
            if self._lost:
                return
            self._lost, ask = True, self._running
        if ask is not None:
            self._meter.guard.left_behind(ask.stage, timed_out=False)
            self._pool.leave()

    def _outcome(self) -> Any:
        if isinstance(self._end, _Raised):
            raise self._end.error
        assert self._end is not None
        return self._end

    def wait(self) -> Any:
        """Where the flow stands when the worker is done, or was left behind."""
        try:
            while True:
                patience = self._patience()
                if self._ended.acquire(timeout=-1 if patience is None else patience):
                    break
                if (error := self._overdue()) is not None:
                    return step(self._flow, error)
        except BaseException:
            self._abandon()
            raise
        return self._outcome()


class _AsyncLeg(_Leg):
    def __init__(
        self,
        flow: Generator[Any, Any, Any],
        ask: Ask,
        meter: Meter,
        pool: WorkerPool,
        mine: Callable[[Ask], bool],
    ) -> None:
        super().__init__(flow, ask, meter, pool, mine)
        self._loop = asyncio.get_running_loop()
        self._signal: asyncio.Future[None] = self._loop.create_future()

    def _deliver(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop was closed, and nobody waits
            return

    def _wake(self) -> None:
        if not self._signal.done():
            self._signal.set_result(None)

    async def finished(self) -> Any:
        """Where the flow stands when the worker is done, or was left behind."""
        try:
            while not self._signal.done():
                await asyncio.wait({self._signal}, timeout=self._patience())
                if not self._signal.done() and (error := self._overdue()) is not None:
                    return step(self._flow, error)
        except BaseException:
            self._abandon()
            raise
        return self._outcome()


async def _awaited(ask: Ask, acall: Callable[[], Awaitable[Any]], meter: Meter) -> Any:
    refused = meter.refusal(ask)
    if refused is not None:
        return refused
    left = meter.left(ask)
    try:
        if left is None:
            return await acall()
        started = time.monotonic()
        task = asyncio.ensure_future(acall())
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            meter.spent(ask, time.monotonic() - started)
            return task.result()
        # Not `wait_for`: it waits until the task has taken note, and one that hangs may never do.
        error = meter.overrun(ask, left)
        task.cancel()
        task.add_done_callback(lambda ended: _came_back(ended, ask, meter.guard))
        return error
    except Exception as error:
        return error


def _came_back(task: asyncio.Future[Any], ask: Ask, guard: Guard) -> None:
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not complain of it
    guard.came_back(ask.stage)
