"""A base, a Sentinel, a history and a ledger that can be made to fail, and a request served by both drivers."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from defenses import MemoryLedger, Resources
from sentinel import Candidate, Request, Sentinel, ThreatModels
from sentinel.history import MemoryHistory
from strategist import Engine, FailureMode, Resilience
from strategist.guard import Guard
from strategist.sources import Source
from tests.strategist.world import QUERY, fields, plan, planted, policy

SHORT = 150.0
"""Milliseconds given to the stage in which something hangs."""
EVERY_MODE = pytest.mark.parametrize("mode", list(FailureMode), ids=[m.value for m in FailureMode])
DOCUMENTS = planted(0)
OWN, CLEAN = [0, 1, 2, 3], [1, 2, 3, 4]
DEFENDING = policy(plan(overfetch=2), plan("echo_filter"))


class World(Source):
    """A base with vectors, whose parts can be made to fail."""

    k = 4

    def __init__(self, documents=DOCUMENTS, stable=True, **faults):
        self.documents, self.prefix_stable, self.faults, self.asked = documents, stable, faults, []

    def _do(self, name, answer):
        self.asked.append(name)
        return self.faults[name]() if name in self.faults else answer

    def embed(self, query):
        return self._do("embed", np.eye(8, dtype=np.float32)[0])

    def fetch(self, query, vector, k, config):
        return self._do("fetch", tuple(Candidate(i, d) for i, d in enumerate(self.documents[:k])))

    def own(self, query, k, config):
        return self._do("own", self.documents[:k])

    def described(self, candidates, vector):
        return self._do("described", candidates)


def sentinel(**faults):
    made = Sentinel((), ThreatModels())
    for method, fault in faults.items():
        setattr(made, method, fault)
    return made


class Histories:
    def __init__(self, **faults):
        self.inner, self.faults, self.recorded = MemoryHistory(), faults, 0

    def load(self, key, now):
        return self.faults.get("load", self.inner.load)(key, now)

    def record(self, key, observation, now):
        self.recorded += 1
        self.faults.get("record", self.inner.record)(key, observation, now)


class Books(MemoryLedger):
    """A ledger that knows what was spent of it in all."""

    def __init__(self):
        super().__init__()
        self.spent = 0

    def spend(self, charges, now):
        refused = super().spend(charges, now)
        self.spent += refused is None
        return refused


class Clock:
    """Time that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


def serve(
    make_source=World, *, mode=FailureMode.DEGRADE, fixed=DEFENDING, senses=None, short=None, k=4, query=QUERY, **more
):
    """Serve one request with both drivers, each with an engine of its own; they must agree but for the clock."""
    answers = []
    for way in ("sync", "async"):
        limits = Resilience(**({short: SHORT} if short else {}))
        made = {name: value() if callable(value) else value for name, value in more.items()}
        resources = made.pop("resources", None) or Resources()
        engine = Engine(senses or sentinel(), fixed, resources, mode, guard=Guard(limits), **made)
        source, request = make_source(), Request(query, k, time=0.0)
        if way == "sync":
            served, decision = engine.run(request, source)
        else:
            served, decision = asyncio.run(engine.arun(request, source))
        record = decision.record()
        assert QUERY not in json.dumps(record, allow_nan=False)
        for key in ("id", "at", "milliseconds"):
            del record[key]
        health = engine.health()
        for key in ("busy", "idle"):
            del health["workers"][key]
        answers.append((fields(served), record, health, sorted(source.asked)))
    assert answers[0] == answers[1]
    return served, decision, health, source


def taken(served, documents=DOCUMENTS):
    shown = fields(documents)
    return [shown.index(field) for field in fields(served)]
