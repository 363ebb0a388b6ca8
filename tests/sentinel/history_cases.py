"""One client's requests, played through a history."""

from dataclasses import replace

from sentinel.history import MemoryHistory
from sentinel.vocabulary import Request
from tests.builders import candidates, seeded_vector

DOCUMENT = "The clinic in Arlen treated nine patients with cobalt tablets in the winter of that year."
OTHERS = [f"Notes number {i} about bread and rivers." for i in range(4)]
CLOSED = "Did the clinic treat patients with cobalt tablets?"
OPEN = "How many patients did the clinic treat with cobalt tablets?"


def play(signal, requests, *, evidence, gap=60.0):
    """The signal's measurement at each request of (query, texts)."""
    store, values = MemoryHistory(), []
    for i, (query, texts) in enumerate(requests):
        now = gap * i
        found = replace(
            evidence(query, candidates(texts), query_vector=seeded_vector(query, dimension=384)),
            request=Request(query, k=5, time=now),
            history=store.load("c", now),
        )
        values.append(signal.measure(found))
        store.record("c", found.observation.served(5), now)
    return values
