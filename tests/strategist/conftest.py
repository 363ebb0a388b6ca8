"""Defenses and signals that exist for one test."""

import warnings

import pytest

from defenses import DEFENSES, DefenseManifest, QueryDefense, SelectionDefense
from sentinel import SIGNALS, Signal, SignalManifest, Stage, Threat
from strategist import engine, retriever


@pytest.fixture(scope="session", autouse=True)
def _warned_already():
    """That nothing is calibrated is said once per process: here, and not in whichever test happens to be first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        retriever._warn_uncalibrated()


@pytest.fixture
def plug(monkeypatch):
    """Register a defense that runs a function of the evidence, for one test."""

    def add(name, act, *, stage=Stage.CONTEXT):
        base = QueryDefense if stage is Stage.QUERY else SelectionDefense

        class Plugged(base):
            manifest = DefenseManifest(name=name, summary="x", stage=stage, threats=frozenset({Threat.POISONING}))
            numbers: list[int] = []  # noqa: RUF012

            def select(self, evidence, profile, resources):
                return act(evidence)

            def rewrite(self, evidence, profile, resources):
                return act(evidence)

        DEFENSES.names()
        monkeypatch.setitem(DEFENSES._classes, name, Plugged)
        return name

    engine._built.cache_clear()
    yield add
    engine._built.cache_clear()


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
