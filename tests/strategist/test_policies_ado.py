"""ADO as published: rungs at their edges, metrics on their published scales, and the defects that belong to it."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from defenses import Resources, SeededRandomSource
from sentinel import ConfigurationError, Request, RiskProfile, Threat
from strategist import DefendedRetriever, build_policy
from strategist.policies import _ado as ado
from strategist.policies._ado import Assessment, Level, Metrics
from tests.strategist.profiles import parameters, planned, profiles, requests
from tests.strategist.world import QUERY, faiss, fields, plan

SCORED = {"scores": "profile"}
CLIENT = {"configurable": {"client_id": "c"}}
CLOSE = math.log2(1.0 + math.exp(-0.5 / 5.0))
"""`request_interval` for one earlier request, half a second ago."""


def found(level=Level.LOW, membership=0.0, jailbreak=0.0, poisoning=0.0, leakage=0.0):
    return Assessment(level, membership, jailbreak, poisoning, leakage)


@pytest.mark.parametrize(
    ("assessment", "trust", "declining", "epsilon"),
    [
        (found(), 0.5, False, 4.0),
        (found(membership=0.4), 0.5, False, 4.0),
        (found(membership=0.41), 0.5, False, 3.0),
        (found(membership=0.51), 0.5, False, 2.0),
        (found(Level.ELEVATED), 0.5, False, 2.0),
        (found(membership=0.71), 1.0, False, 1.0),
        (found(Level.CRITICAL), 1.0, False, 1.0),
        (found(), 0.49, False, 3.0),
        (found(), 0.29, False, 1.5),
        (found(), 0.19, False, 1.5),
        (found(), 0.19, True, 0.5),
        (found(), 0.2, True, 1.5),
        (found(Level.CRITICAL), 0.29, False, 1.0),
        (found(membership=math.nan), 0.5, False, 4.0),
    ],
)
def test_the_ladder_of_epsilon(assessment, trust, declining, epsilon):
    assert ado.epsilon(assessment, trust, declining=declining) == epsilon


@pytest.mark.parametrize(
    ("assessment", "threshold"),
    [
        (found(poisoning=0.41), 0.90),
        (found(poisoning=0.51), 0.92),
        (found(poisoning=0.71), 0.95),
        (found(Level.CRITICAL), 0.95),
    ],
)
def test_the_ladder_of_trustrag(assessment, threshold):
    assert ado.trustrag(assessment, "why", ado.RUNGS).parameters == {"threshold": threshold}


@pytest.mark.parametrize(
    ("rule", "assessment", "metrics", "fires"),
    [
        (ado.noise_reason, found(membership=0.4), Metrics(0.7, 1.0, 0.7), False),
        (ado.noise_reason, found(membership=0.41), Metrics(), True),
        (ado.noise_reason, found(Level.CRITICAL), Metrics(), True),
        (ado.noise_reason, found(Level.ELEVATED), Metrics(), False),
        (ado.noise_reason, found(), Metrics(lexical=0.71), True),
        (ado.noise_reason, found(), Metrics(interval=0.71), True),
        (ado.trustrag_reason, found(poisoning=0.4, membership=1.0), Metrics(), False),
        (ado.trustrag_reason, found(poisoning=0.41), Metrics(), True),
        (ado.trustrag_reason, found(), Metrics(scattered=True), True),
        (ado.attention_reason, found(jailbreak=0.4, leakage=0.4), Metrics(symbols=0.6), False),
        (ado.attention_reason, found(jailbreak=0.41), Metrics(), True),
        (ado.attention_reason, found(leakage=0.41), Metrics(), True),
        (ado.attention_reason, found(), Metrics(symbols=0.61), True),
        (ado.attention_reason, found(Level.CRITICAL), Metrics(), True),
    ],
)
def test_the_rules(rule, assessment, metrics, fires):
    assert bool(rule(assessment, metrics)) is fires


@pytest.mark.parametrize(
    ("seconds", "score"), [(0.0, 1.0), (0.4, 1.0), (0.6, 0.7), (1.0, 0.5), (2.0, 0.0), (30.0, 0.0)]
)
def test_one_earlier_request_gives_the_published_interval_score(seconds, score):
    signal = math.log2(1.0 + math.exp(-seconds / 5.0))
    assert ado.interval_score(signal) == pytest.approx(score)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_the_interval_score_stays_on_its_scale(signal):
    score = ado.interval_score(signal)
    assert 0.0 <= score <= 1.0 if math.isfinite(signal) else math.isnan(score)


def test_symbols_are_counted_as_published():
    assert ado.symbol_share("ab, c!") == pytest.approx(2 / 6)
    assert ado.symbol_share("...") == 1.0
    assert math.isnan(ado.symbol_share(""))


@pytest.mark.parametrize("trust", [None, 0.0, 0.49, 0.5, 1.0])
def test_without_a_language_model_scores_reach_no_threshold(trust):
    request = Request("what is it", trust=trust)
    certain = RiskProfile({}, dict.fromkeys(Threat, 1.0))
    assert planned(build_policy("ado"), request, certain).names == ()


def test_the_published_fallback_follows_trust():
    assert ado.unscored(0.49) == Assessment(Level.ELEVATED, 0.3, 0.1, 0.1, 0.1)
    assert ado.unscored(ado.trust_of(Request("q"))) == Assessment(Level.LOW, 0.3, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("trust", "epsilon"), [(None, 4.0), (0.5, 4.0), (0.49, 2.0), (0.25, 1.5), (0.1, 1.5), (1.0, 4.0)]
)
def test_trust_caps_the_epsilon_that_a_metric_switches_on(trust, epsilon):
    request = Request("what is it", trust=trust)
    for signals in ({"lexical_repetition": 0.71}, {"request_interval": CLOSE + 0.01}):
        assert parameters(planned(build_policy("ado"), request, RiskProfile(signals))) == {
            "ado_noise": {"epsilon": epsilon}
        }


def test_the_published_pipeline_hands_no_metrics_over():
    policy = build_policy("ado", {"metrics": False})
    signals = {"lexical_repetition": 1.0, "request_interval": 9.0, "similarity_dispersion": 1.0}
    assert planned(policy, Request("?!?!"), RiskProfile(signals)).names == ()


def test_dispersion_cannot_reach_its_threshold_in_384_dimensions():
    scattered = RiskProfile({"similarity_dispersion": 1.0})
    assert planned(build_policy("ado"), Request("q"), scattered).names == ()
    assert planned(build_policy("ado", {"dimension": 199}), Request("q"), scattered).names == ("trustrag",)


def test_the_later_plan_replaces_the_earlier_and_says_so():
    both = RiskProfile({}, {Threat.MEMBERSHIP: 0.6, Threat.POISONING: 0.6})
    last = planned(build_policy("ado", SCORED), Request("q"), both)
    assert parameters(last) == {"trustrag": {"threshold": 0.92}}
    assert last.removed == {"ado_noise": "the later plan replaces it, as published"}
    alone = RiskProfile({}, {Threat.MEMBERSHIP: 0.6})
    assert parameters(planned(build_policy("ado", SCORED), Request("q"), alone)) == {"ado_noise": {"epsilon": 2.0}}


def test_noise_is_never_switched_on_after_retrieval():
    later = RiskProfile({"lexical_repetition": 1.0}, {Threat.MEMBERSHIP: 1.0})
    assert build_policy("ado").after_retrieval(Request("q"), later, plan()).names == ()


def test_a_critical_profile_switches_everything_on_that_its_phase_may():
    policy = build_policy("ado", {**SCORED, "attention": "suspicion_filter"})
    critical = RiskProfile({}, {Threat.MEMBERSHIP: 0.95})
    assert policy.before_retrieval(Request("q"), critical).names == ("ado_noise",)
    assert policy.after_retrieval(Request("q"), critical, plan()).names == ("trustrag", "suspicion_filter")


def test_symbols_switch_the_attention_filter_on_where_there_is_one():
    request = Request("a ?!?!?!")
    assert planned(build_policy("ado"), request, RiskProfile()).names == ()
    assert planned(build_policy("ado", {"attention": "suspicion_filter"}), request, RiskProfile()).names == (
        "suspicion_filter",
    )


@pytest.mark.parametrize("name", ["ado", "ado_mended"])
@pytest.mark.parametrize(
    "wrong", [{"attention": "suspicion_fliter"}, {"attention": "trustrag"}, {"overfetch": 0}, {"epsilon": 1.0}]
)
def test_bad_parameters(name, wrong):
    with pytest.raises(ConfigurationError):
        build_policy(name, wrong)


PROBED = RiskProfile({}, {Threat.MEMBERSHIP: 0.6})
PLANTED = RiskProfile({}, {Threat.POISONING: 1.0})


@given(
    requests(), profiles(), profiles(), st.sampled_from(["fallback", "profile"]), st.sampled_from([None, "echo_filter"])
)
@example(Request("q"), PROBED, PLANTED, "profile", None)
def test_whatever_was_sensed_the_plan_is_valid(request, early, late, scores, attention):
    policy = build_policy("ado", {"scores": scores, "attention": attention})
    last = planned(policy, request, early, late)
    assert last == planned(policy, request, early, late)
    assert set(last.names) <= {"ado_noise", "trustrag", "echo_filter"}


def test_two_questions_at_once_meet_the_noise_and_a_slow_client_does_not():
    now, decisions, store = [0.0], [], faiss()
    wrapped = DefendedRetriever.wrap(
        store,
        policy="ado",
        resources=Resources(SeededRandomSource(3)),
        sinks=[decisions.append],
        clock=lambda: now[0],
    )
    bare = fields(store.similarity_search(QUERY, k=4))
    assert fields(wrapped.invoke(QUERY, CLIENT)) == bare
    now[0] += 0.3
    wrapped.invoke("amber basalt cedar", CLIENT)
    now[0] += 600.0
    late = "is anything new at the harbour"
    assert fields(wrapped.invoke(late, CLIENT)) == fields(store.similarity_search(late, k=4))
    assert [d.plan.names for d in decisions] == [(), ("ado_noise",), ()]
    assert decisions[1].plan.defenses[0].reason == "M_INT 1.00"
    assert not any(d.errors for d in decisions)
