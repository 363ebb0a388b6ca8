"""One question asked without a pause while configurations change under it."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.strategist.world import QUERY


class Decisions(list):
    """A sink that keeps decisions in the order in which they were told, from any thread."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()

    def __call__(self, decision):
        with self._lock:
            self.append(decision)


def hammered(made, configs, decisions, config_of, *, reloads, threads, tasks):
    """Answers of a retriever or a chain to `QUERY`, from threads and from one event loop, while it is reloaded.

    Args:
        made: What is asked; `decisions` is a sink of it.
        configs: What is put in force, one after the other and from the start again. Each stays in force until a
            request was decided under it.
        decisions: A `Decisions`.
        config_of: The hash in a decision that is to be `made.config_hash`.
        reloads: How many.
        threads: How many ask.
        tasks: How many ask at once in the loop.
    """
    stop, answers = threading.Event(), []

    def ask():
        while not stop.is_set():
            answers.append(made.invoke(QUERY))

    async def ask_all():
        while not stop.is_set():
            answers.extend(await asyncio.gather(*(made.ainvoke(QUERY) for _ in range(tasks))))

    with ThreadPoolExecutor(threads + 2) as pool:
        asking = [pool.submit(ask) for _ in range(threads)] + [pool.submit(asyncio.run, ask_all())]
        try:
            for turn in range(reloads):
                begun = len(decisions)
                made.reload(configs[turn % len(configs)])
                while all(config_of(d) != made.config_hash for d in decisions[begun:]):  # others are on their way
                    assert not any(task.done() for task in asking), "an asker failed"
                    time.sleep(0.0005)
        finally:
            stop.set()
        for task in asking:
            task.result()
    return answers
