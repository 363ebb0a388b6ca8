"""Defenses and signals that exist for one test."""

import threading
import warnings

import numpy as np
import pytest

from defenses import DEFENSES, DefenseManifest, QueryDefense, SelectionDefense
from sentinel import SIGNALS, Signal, SignalManifest, Stage, Threat
from strategist import _planned, retriever
from tests.strategist.world import QUERY


@pytest.fixture(scope="session", autouse=True)
def _warned_already():
    """That nothing is calibrated is said once per process: here, and not in whichever test happens to be first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        retriever._warn_uncalibrated()


@pytest.fixture
def plug(monkeypatch):
    """Register a defense that runs a function of the evidence, for one test."""

    def add(name, act, *, stage=Stage.CONTEXT, needs=(), threats=(Threat.POISONING,)):
        base = QueryDefense if stage is Stage.QUERY else SelectionDefense

        class Plugged(base):
            manifest = DefenseManifest(
                name=name, summary="x", stage=stage, threats=frozenset(threats), needs=frozenset(needs)
            )
            numbers: list[int] = []  # noqa: RUF012

            def select(self, evidence, profile, resources):
                return act(evidence)

            def rewrite(self, evidence, profile, resources):
                return act(evidence)

        DEFENSES.names()
        monkeypatch.setitem(DEFENSES._classes, name, Plugged)
        return name

    _planned._built.cache_clear()
    yield add
    _planned._built.cache_clear()


@pytest.fixture
def faults():
    """Ways to fail, by name: functions of anything. What hangs does so until the test is over."""
    release = threading.Event()

    def raising(*_, **__):
        raise RuntimeError(QUERY)

    def hanging(*_, **__):
        release.wait(60.0)
        raise RuntimeError("long after")

    yield {
        "raises": raising,
        "hangs": hanging,
        "nan": lambda *_, **__: float("nan"),
        "none": lambda *_, **__: None,
        "text": lambda *_, **__: "nonsense",
        "array": lambda *_, **__: np.full((3, 4), np.nan),
        "huge": lambda *_, **__: "x" * 2_000_000,
    }
    release.set()


@pytest.fixture
def failing_signal(monkeypatch):
    """Register a signal that raises; its name."""

    class Failing(Signal):
        manifest = SignalManifest(
            name="failing", summary="x", stage=Stage.CONTEXT, threats=frozenset({Threat.POISONING})
        )

        def measure(self, evidence):
            raise ZeroDivisionError(evidence.request.query)

    SIGNALS.names()
    monkeypatch.setitem(SIGNALS._classes, "failing", Failing)
    return "failing"
