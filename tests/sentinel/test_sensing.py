"""The Sentinel: a failing signal is missing and visible, and what was not measured is not called clean."""

import json

import numpy as np
import pytest

from sentinel import SIGNALS, RiskProfile, Sentinel, Signal, SignalManifest, Stage, Threat, ThreatModels
from sentinel.errors import ConfigurationError
from sentinel.models import Curve, SurpriseModel
from sentinel.sensing import needed_signals
from tests.builders import candidates, evidence


def signal(name, answer, *, stage=Stage.CONTEXT, per_candidate=False, says=None):
    """A signal that answers with a value, or raises it."""

    class Fixed(Signal):
        manifest = SignalManifest(
            name=name,
            summary="x",
            stage=stage,
            threats=frozenset({Threat.MEMBERSHIP}),
            per_candidate=per_candidate,
        )

        def measure(self, evidence):
            if isinstance(answer, BaseException):
                raise answer
            return answer

        def reason(self, evidence, measurement):
            if isinstance(says, BaseException):
                raise says
            return says or super().reason(evidence, measurement)

    return Fixed()


def model(**weights):
    """Log-odds -1, plus for each feature its value from 0 to 100 times a weight; each a mechanism of its own."""
    curves = {
        name.replace("__", ":"): Curve(np.array([0.0, 100.0]), np.array([0.0, 100.0 * weight]), name)
        for name, weight in weights.items()
    }
    return SurpriseModel(curves, 1.0, -1.0)


THREE = evidence(found=candidates(["a", "b", "c"]))


def sense(*signals, models=None, found=THREE):
    sentinel = Sentinel(signals, models or ThreatModels())
    return sentinel.sense_context(found, sentinel.sense_query(found))


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def test_a_signal_that_raises_is_missing_and_named():
    profile = sense(signal("bad", ZeroDivisionError("secret text")), signal("good", 1.0))
    assert profile.signals == {"bad": None, "good": 1.0}
    assert profile.failed == {"bad": "ZeroDivisionError"}
    assert "secret" not in json.dumps(profile.record())


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        sense(signal("stopped", KeyboardInterrupt()))


@pytest.mark.parametrize("wrong", [0.5, np.zeros(2), np.zeros((3, 1)), np.zeros(0), ["x", "y", "z"], object()])
def test_a_wrong_shape_is_a_fault_of_the_signal(wrong):
    profile = sense(signal("shape", wrong, per_candidate=True))
    assert profile.signals == {"shape": None}
    assert profile.failed.keys() == {"shape"}


@pytest.mark.parametrize("wrong", [np.zeros(3), "text", object()])
def test_a_request_signal_gives_one_number(wrong):
    profile = sense(signal("shape", wrong))
    assert profile.signals == {"shape": None}
    assert profile.failed.keys() == {"shape"}


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan"), None])
def test_no_number_is_missing_without_being_a_failure(value):
    profile = sense(signal("s", value))
    assert profile.signals == {"s": None}
    assert profile.failed == {}


def test_infinity_becomes_missing_candidate_by_candidate():
    profile = sense(signal("s", np.array([1.0, np.inf, -np.inf]), per_candidate=True))
    np.testing.assert_array_equal(profile.signals["s"], [1.0, np.nan, np.nan])


def test_a_threat_that_nobody_measured_is_absent():
    models = ThreatModels({Threat.MEMBERSHIP: model(a=1.0), Threat.POISONING: model(b=1.0, c__max=1.0)})
    profile = sense(signal("a", 0.0), signal("b", RuntimeError()), models=models)
    assert profile.probabilities.keys() == {Threat.MEMBERSHIP}
    assert profile.probabilities[Threat.MEMBERSHIP] == pytest.approx(sigmoid(-1.0))


def test_a_threat_of_which_a_part_was_measured_is_there():
    models = ThreatModels({Threat.POISONING: model(b=1.0, c__max=2.0)})
    profile = sense(signal("c", np.array([0.0, 2.0, np.nan]), per_candidate=True), models=models)
    assert profile.probabilities[Threat.POISONING] == pytest.approx(sigmoid(-1.0 + 2.0 * 2.0))


def test_suspicion_runs_over_the_candidates():
    models = ThreatModels(candidate={Threat.POISONING: model(c=1.0, r=0.5)})
    signals = (signal("c", np.array([0.0, 2.0, np.nan]), per_candidate=True), signal("r", 1.0))
    profile = sense(*signals, models=models)
    np.testing.assert_allclose(profile.suspicion[Threat.POISONING], sigmoid(np.array([-0.5, 1.5, -0.5])))
    empty = sense(signal("c", np.array([]), per_candidate=True), models=models, found=evidence())
    assert empty.suspicion == {}


def test_reasons_are_sorted_and_only_the_weighty_are_given():
    models = ThreatModels(
        {Threat.MEMBERSHIP: model(small=0.4, middle=1.0, c__max=1.0, c__lead=1.0), Threat.JAMMING: model(middle=6.0)}
    )
    profile = sense(
        signal("small", 1.0),
        signal("middle", 1.0, says="in words"),
        signal("c", np.array([3.0, 1.0, 0.0]), per_candidate=True),
        models=models,
    )
    assert [(r.threat, r.signal, r.weight) for r in profile.reasons] == [
        (Threat.JAMMING, "middle", 6.0),
        (Threat.MEMBERSHIP, "c", 5.0),  # max 3 and lead 2 together
        (Threat.MEMBERSHIP, "middle", 1.0),
    ]
    assert [r.text for r in profile.reasons] == ["in words", "c = 3", "in words"]


def test_a_reason_that_cannot_be_said_takes_nothing_down():
    models = ThreatModels({Threat.MEMBERSHIP: model(a=1.0)})
    profile = sense(signal("a", 2.0, says=RuntimeError()), models=models)
    assert [r.text for r in profile.reasons] == ["a = 2"]
    assert profile.probabilities[Threat.MEMBERSHIP] == pytest.approx(sigmoid(1.0))


def test_the_stages_add_up():
    early, late = signal("early", 1.0, stage=Stage.QUERY), signal("late", 2.0)
    failing = signal("failing", ValueError(), stage=Stage.QUERY)
    sentinel = Sentinel([late, early, failing], ThreatModels({Threat.MEMBERSHIP: model(early=1.0, late=1.0)}))
    first = sentinel.sense_query(evidence())
    assert first.signals.keys() == {"early", "failing"}
    assert first.probabilities[Threat.MEMBERSHIP] == pytest.approx(sigmoid(0.0))
    second = sentinel.sense_context(THREE, first)
    assert second.signals.keys() == {"early", "failing", "late"}
    assert second.failed == {"failing": "ValueError"}
    assert second.probabilities[Threat.MEMBERSHIP] == pytest.approx(sigmoid(2.0))
    assert first.signals.keys() == {"early", "failing"}


def test_every_registered_signal_is_sensed_by_default():
    profile = Sentinel().sense_context(THREE, Sentinel().sense_query(THREE))
    late = {name for name in SIGNALS.names() if SIGNALS.get(name).manifest.stage is not Stage.QUERY}
    assert late <= profile.signals.keys() <= set(SIGNALS.names())
    assert profile.failed == {}
    assert isinstance(profile, RiskProfile)


def test_needed_are_the_registered_signals_that_somebody_reads():
    models = ThreatModels({Threat.MEMBERSHIP: model(verbatim_run__lead=1.0, nobody_registered_this=1.0)})
    names = [s.manifest.name for s in needed_signals(models, ["query_length"])]
    assert names == ["query_length", "verbatim_run"]
    with pytest.raises(ConfigurationError, match="query_length"):
        needed_signals(models, ["query_lenght"])
