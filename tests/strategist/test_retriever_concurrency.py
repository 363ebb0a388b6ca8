"""Promise 12 of DefendedRetriever: nothing is shared between requests, and the loop is never blocked."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.retrievers import BaseRetriever

from defenses import Selection
from strategist import DefensePlan
from tests.strategist.retriever_bases import ATTACKED, DOCUMENTS, wrap
from tests.strategist.world import QUERY, fields, plan, policy


def queries(n):
    return [
        QUERY if i % 3 == 0 else DOCUMENTS[i % 20].page_content if i % 3 == 1 else f"where is {i}" for i in range(n)
    ]


@pytest.mark.parametrize("name", ["store", "bm25", "in_memory"])
def test_threads_and_tasks_give_what_one_after_the_other_gives(name):
    decisions, lock = [], threading.Lock()

    def sink(decision):
        with lock:
            decisions.append(decision)

    wrapped = wrap(ATTACKED[name], sinks=[sink])
    asked = queries(200)
    expected = [fields(wrapped.invoke(query)) for query in asked]

    async def tasks():
        calls = (wrapped.ainvoke(q, {"configurable": {"client_id": str(i)}}) for i, q in enumerate(asked))
        return await asyncio.gather(*calls)

    with ThreadPoolExecutor(32) as pool:
        assert [fields(served) for served in pool.map(wrapped.invoke, asked)] == expected
    assert [fields(served) for served in asyncio.run(tasks())] == expected
    assert len({d.id for d in decisions}) == 600
    clients = {d.request.client_id: d.request.query for d in decisions[400:]}
    assert clients == {str(i): query for i, query in enumerate(asked)}


@pytest.mark.parametrize("slow", ["defense", "policy", "base", "sink"])
async def test_the_event_loop_goes_on(plug, slow):
    def sleeping(*_):
        time.sleep(0.3)

    def select(evidence):
        if slow == "defense":
            sleeping()
        return Selection.all_of(evidence)

    class Base(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            if slow == "base":
                sleeping()
            return DOCUMENTS[:4]

    def early(*_):
        if slow == "policy":
            sleeping()
        return DefensePlan()

    plug("watched", select)
    sinks = [sleeping] if slow == "sink" else []
    wrapped = wrap(Base(), policy=policy(early, plan("watched")), sinks=sinks)
    task = asyncio.create_task(wrapped.ainvoke(QUERY))
    ticks = 0
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert len(await task) == 4
    assert ticks >= 8  # a blocked loop ticks two or three times
