"""Daemon threads for what may hang. A thread that hangs is left behind: it neither holds up a caller nor the exit."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from weakref import WeakSet

Job = Callable[[], bool]
"""Runs in a worker. False says that the worker was left behind meanwhile and is to end."""

IDLE_S = 10.0
"""Seconds after which a worker without work ends."""


class WorkerPool:
    """Threads that are made when they are needed and kept for a while.

    Unlike `concurrent.futures`, whose threads are joined when the interpreter ends, so that one which hangs hangs it.

    Args:
        size: Jobs under way at a time, workers left behind not counted; more wait their turn. None is no limit: for
            callers that each wait for their own job, and so are as many as there are jobs.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self._renew()
        _pools.add(self)

    def _renew(self) -> None:
        # Also in the child of a fork, which has none of its parent's threads.
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._backlog: deque[Job] = deque()
        self._busy = 0

    @property
    def busy(self) -> int:
        """Workers at work, without those that were left behind."""
        return self._busy

    @property
    def idle(self) -> int:
        """Workers that wait for work."""
        return len(self._idle)

    def submit(self, job: Job) -> None:
        """Have a job run by a worker, at once or in turn.

        Raises:
            RuntimeError: The system gives no more threads.
        """
        with self._lock:
            if self._idle:
                self._busy += 1
                self._idle.pop().inbox.put(job)  # the last to have worked, so that the others' time runs out
                return
            if self.size is not None and self._busy >= self.size:
                self._backlog.append(job)
                return
            self._busy += 1
        self._start(job)

    def leave(self) -> None:
        """A worker hangs: count it out, and put another one in its place if anybody waits."""
        with self._lock:
            if not self._backlog:
                self._busy -= 1
                return
            job = self._backlog.popleft()
        self._start(job)

    def _start(self, job: Job) -> None:
        try:
            _Worker(self, job).start()
        except BaseException:
            with self._lock:
                self._busy -= 1
            raise

    def _next(self, worker: _Worker) -> Job | None:
        with self._lock:
            if self._backlog:
                return self._backlog.popleft()
            self._busy -= 1
            self._idle.append(worker)
        try:
            return worker.inbox.get(timeout=IDLE_S)
        except Empty:
            with self._lock:
                if worker in self._idle:
                    self._idle.remove(worker)
                    return None
        return worker.inbox.get()  # handed over in the last moment


class _Worker(threading.Thread):
    def __init__(self, pool: WorkerPool, job: Job) -> None:
        super().__init__(name="sentinel-worker", daemon=True)
        self.pool = pool
        self.inbox: SimpleQueue[Job] = SimpleQueue()
        self.inbox.put(job)

    def run(self) -> None:
        job: Job | None = self.inbox.get()
        while job is not None and job():
            job = None  # hold on to no request while waiting for the next
            job = self.pool._next(self)


_pools: WeakSet[WorkerPool] = WeakSet()


def _renew_all() -> None:
    for pool in _pools:
        pool._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
