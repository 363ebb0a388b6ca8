"""One thread calculates for all callers, in the order of asking, whatever becomes of a call or of the process."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from strategist._sentence_model import LoadedModel


class Lengths:
    """A model that gives the length of a text, and notes which batches it was given by which thread."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()

    def get_embedding_dimension(self) -> int:
        return 1

    def encode(self, texts: list[str], **_: Any) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        self.threads.add(threading.get_ident())
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_a_query_overtakes_the_rest_of_a_bulk_job() -> None:
    class Asked(Lengths):
        def encode(self, texts: list[str], **options: Any) -> NDArray[np.float32]:
            if not self.batches:
                query.start()
                deadline = time.monotonic() + 5
                while not loaded._thread._backlog:
                    assert time.monotonic() < deadline, "nothing keeps the place of who waits"
                    time.sleep(0.001)
            return super().encode(texts, **options)

    model = Asked()
    loaded = LoadedModel(model)
    query = threading.Thread(target=loaded.encode, args=(["abc"], "query"))
    loaded.encode(["word " * 8] * 600, "document")
    query.join(10)
    assert model.batches[0] > 1
    assert model.batches[1] == 1, "the query waited for the whole of the job"
    assert len(model.batches) > 2


def test_everything_is_calculated_in_one_thread_whoever_asks() -> None:
    model = Lengths()
    loaded = LoadedModel(model)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: float(loaded.encode(["a" * n], "query")[0, 0]), range(1, 41)))
    assert found == list(range(1, 41))
    loaded.encode(["abc"], "query")
    assert len(model.threads) == 1
    assert threading.get_ident() not in model.threads


def test_an_error_of_the_model_reaches_who_asked_and_the_next_is_served() -> None:
    class Mended(Lengths):
        def encode(self, texts: list[str], **options: Any) -> NDArray[np.float32]:
            made = super().encode(texts, **options)
            if len(self.batches) == 1:
                raise ZeroDivisionError
            return made

    loaded = LoadedModel(Mended())
    with pytest.raises(ZeroDivisionError):
        loaded.encode(["abc"], "query")
    assert loaded.encode(["abc"], "query").tolist() == [[3.0]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_of_a_fork_embeds_although_the_parent_has_embedded() -> None:
    loaded = LoadedModel(Lengths())
    loaded.encode(["abc"], "query")
    child = os.fork()
    if child == 0:
        os._exit(0 if loaded.encode(["abcd"], "query").tolist() == [[4.0]] else 1)
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child waits for a thread that it does not have")
        time.sleep(0.01)
    assert ended[1] == 0
