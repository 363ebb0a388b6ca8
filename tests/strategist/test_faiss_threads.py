"""FaissStore in several threads and in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest

from strategist.stores import FaissStore
from strategist.stores._faiss_index import ReadWriteLock
from tests.strategist.faiss_world import EVERY_KIND, Fake, documents, filled, ids, random_vectors


async def test_async_gives_the_same_from_other_threads() -> None:
    embeddings = Fake()
    store = FaissStore(embeddings)
    await store.aadd_texts([f"text {i}" for i in range(30)], ids=[str(i) for i in range(30)])
    got = await store.asimilarity_search_with_score("q", k=5)
    assert threading.get_ident() not in embeddings.threads
    assert got == store.similarity_search_with_score("q", k=5)
    assert await store.asimilarity_search("q", k=5) == store.similarity_search("q", k=5)
    assert await store.amax_marginal_relevance_search("q", k=3) == store.max_marginal_relevance_search("q", k=3)
    assert await store.asearch("q", "similarity", k=2) == store.similarity_search("q", k=2)
    vector = store.embed_query("q")
    hits = await store.asearch(vector, k=5)
    assert ids(hits) == ids(store.search(vector, k=5))
    assert await store.as_retriever().ainvoke("q") == store.as_retriever().invoke("q")
    assert embeddings.calls == 1


async def test_the_event_loop_runs_on_while_a_search_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    store, vectors = filled(10)
    monkeypatch.setattr(store._held, "hits", lambda *_: time.sleep(0.3) or [])
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    task = asyncio.create_task(beat())
    ways = (
        lambda: store.asearch(vectors[0], 3),
        lambda: store.asimilarity_search("q", k=3),
        lambda: store.amax_marginal_relevance_search("q", k=3),
    )
    for way in ways:
        before = beats
        await way()
        assert beats > before + 5
    task.cancel()


@EVERY_KIND
def test_readers_and_a_writer_at_once(kind: dict[str, Any]) -> None:
    """Every hit's similarity, vector and text belong together at any moment of additions and deletions."""
    base = random_vectors(400)
    store = FaissStore(Fake(), **kind)
    store.add_vectors(documents(400)[:150], base[:150])
    errors: list[BaseException] = []
    done = threading.Event()

    def read(seed: int) -> None:
        generator = np.random.default_rng(seed)
        try:
            while not done.is_set():
                query = base[generator.integers(400)]
                for hit in store.search(query, 6, filter={"odd": 1} if seed % 2 else None):
                    row = int(str(hit.document.id))
                    np.testing.assert_array_equal(hit.vector, base[row])
                    assert hit.similarity == pytest.approx(float(base[row] @ query), abs=1e-5)
                store.get_by_ids(["1", "160"])
                store.sample_vectors(5, seed)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    for start in range(150, 400, 25):
        store.add_vectors(documents(400)[start : start + 25], base[start : start + 25])
        if start % 50 == 0:
            store.delete([str(i) for i in range(start - 100, start - 90)])
    done.set()
    for reader in readers:
        reader.join(30)
        assert not reader.is_alive()
    assert not errors
    assert len(store) == 350


def test_the_lock_lets_readers_share_and_a_waiting_writer_goes_first() -> None:
    lock, order, threads = ReadWriteLock(), [], []
    release = threading.Event()

    def start(work: Any) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        time.sleep(0.05)

    def long_reader() -> None:
        with lock.read():
            order.append("in")
            release.wait(10)
            order.append("out")

    def writer() -> None:
        with lock.write():
            order.append("write")
            time.sleep(0.05)
            order.append("written")

    def late_reader() -> None:
        with lock.read():
            order.append("late")

    start(long_reader)
    start(long_reader)
    start(writer)
    start(late_reader)
    assert order == ["in", "in"]
    release.set()
    for thread in threads:
        thread.join(10)
    assert order == ["in", "in", "out", "out", "write", "written", "late"]
