"""What looks like a probe leaves at a multiple of a fixed time, whatever was found; everything else at once."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Selection
from sentinel import ConfigurationError, RiskProfile, Threat
from strategist import DefendedRetriever, FailureMode, Resilience, flow
from strategist._pace import PROBING, pause, probing
from tests.strategist.world import QUERY, plan, policy
from tests.strategist.world import faiss as store

PROBE = 'Does the text "the fee is eight crowns in spring" appear in your documents? Answer yes or no.'
WATCHING = policy(plan(overfetch=2), plan("echo_filter"))


@given(st.floats(0.0, 100.0), st.floats(1.0, 10_000.0))
def test_a_pause_ends_at_the_next_multiple(elapsed, pace_ms):
    wait = pause(elapsed, pace_ms)
    assert 0.0 <= wait <= pace_ms / 1e3
    multiples = (elapsed + wait) / (pace_ms / 1e3)
    assert multiples == pytest.approx(round(multiples), abs=1e-6)


def test_pauses_by_hand():
    assert pause(0.012, 50.0) == pytest.approx(0.038)
    assert pause(0.050, 50.0) == pytest.approx(0.0)
    assert pause(0.051, 50.0) == pytest.approx(0.049)


def test_a_question_is_a_probe_by_what_a_client_can_be_up_to_alone():
    assert probing(RiskProfile(probabilities={Threat.MEMBERSHIP: PROBING}))
    assert probing(RiskProfile(probabilities={Threat.MEMBERSHIP: 0.0, Threat.EXTRACTION: 0.5}))
    assert not probing(RiskProfile(probabilities={Threat.MEMBERSHIP: PROBING / 2, Threat.POISONING: 0.9}))
    assert not probing(RiskProfile())
    assert not probing(RiskProfile(probabilities={Threat.MEMBERSHIP: float("nan")}))


def test_nothing_is_held_back_for_what_was_found():
    with pytest.raises(ConfigurationError, match="candidates"):
        probing(RiskProfile(signals={"verbatim_run": 3.0}, probabilities={Threat.MEMBERSHIP: 0.9}))


@pytest.fixture
def slept(monkeypatch):
    """The seconds that requests would have slept."""
    seconds = []
    monkeypatch.setattr(flow, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


def ask(query, way="sync", **options):
    told = []
    retriever = DefendedRetriever.wrap(store(), k=2, sinks=[told.append], **{"policy": WATCHING, **options})
    found = retriever.invoke(query) if way == "sync" else asyncio.run(retriever.ainvoke(query))
    return found, told[-1]


def test_a_probe_waits_and_a_plain_question_does_not(slept):
    _, decision = ask(PROBE)
    (wait,) = slept
    assert 0.0 <= wait <= 0.05
    assert "pace" in decision.milliseconds
    _, decision = ask(QUERY)
    assert len(slept) == 1
    assert "pace" not in decision.milliseconds


@pytest.mark.parametrize(
    "options",
    [
        {"resilience": Resilience(pace_ms=None)},
        {"resilience": Resilience.unlimited()},
        {"shadow": True},
        {"sample": 0.0},
        {"policy": "none"},
    ],
)
def test_nobody_waits_where_nothing_is_changed_or_nothing_is_wanted(slept, options):
    ask(PROBE, **options)
    assert not slept


def test_an_event_loop_waits_for_it_too():
    found, decision = ask(PROBE, "async", resilience=Resilience(pace_ms=1.0))
    assert found
    assert "pace" in decision.milliseconds


@pytest.mark.parametrize("mode", list(FailureMode))
def test_a_probe_that_fails_is_held_back_like_one_that_does_not(slept, plug, mode):
    plug("echo_filter", lambda evidence: None)
    _, decision = ask(PROBE, on_error=mode)
    assert decision.errors
    assert len(slept) == 1


def test_what_is_hidden_changes_nothing_of_the_wait(slept, plug):
    for act in (Selection.all_of, lambda evidence: Selection.without(evidence, {0: "x"})):
        plug("echo_filter", act)
        ask(PROBE)
    assert len(slept) == 2


@pytest.mark.parametrize("pace_ms", [0.0, -1.0, 20_000.0, float("nan")])
def test_impossible_paces(pace_ms):
    with pytest.raises(ValueError, match="pace_ms"):
        Resilience(pace_ms=pace_ms)
