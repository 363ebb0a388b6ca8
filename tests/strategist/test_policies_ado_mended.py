"""ADO mended: each defect of the published controller, and that it is gone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, SeededRandomSource
from defenses.context.trustrag import two_clusters
from sentinel import Request, RiskProfile, Threat
from strategist import DefendedRetriever, build_policy
from tests.strategist.profiles import parameters, planned, profiles, requests
from tests.strategist.world import QUERY, faiss, fields

POLICY = build_policy("ado_mended")
CLIENT = {"configurable": {"client_id": "c"}}
REQUEST = Request("what is it")


def profile(membership=None, poisoning=None, injection=None, **signals):
    chances = {Threat.MEMBERSHIP: membership, Threat.POISONING: poisoning, Threat.INJECTION: injection}
    return RiskProfile(signals, {threat: p for threat, p in chances.items() if p is not None})


@pytest.mark.parametrize(
    ("sensed", "wanted"),
    [
        (profile(), {}),
        (profile(0.4, 0.4), {}),
        (profile(0.45), {"dp_retrieval": {"epsilon": 3.0}}),
        (profile(0.55), {"dp_retrieval": {"epsilon": 2.0}}),
        (profile(0.75), {"dp_retrieval": {"epsilon": 1.0}}),
        (profile(0.01, 0.45), {"trustrag": {"threshold": 0.95}}),
        (profile(0.01, 0.55), {"trustrag": {"threshold": 0.92}}),
        (profile(0.01, 0.75), {"trustrag": {"threshold": 0.90}}),
        (profile(0.91), {"dp_retrieval": {"epsilon": 1.0}, "trustrag": {"threshold": 0.90}}),
        (profile(injection=0.6), {}),
        (profile(similarity_dispersion=0.69), {}),
        (profile(similarity_dispersion=0.7), {"trustrag": {"threshold": 0.95}}),
        (profile(lexical_repetition=0.71), {"dp_retrieval": {"epsilon": 4.0}}),
        (profile(request_interval=0.95), {"dp_retrieval": {"epsilon": 4.0}}),
    ],
)
def test_probabilities_and_metrics_reach_the_rules(sensed, wanted):
    assert parameters(planned(POLICY, REQUEST, sensed)) == wanted


def test_the_reading_moves_trust_in_its_own_phase():
    """Trust 0.25 is below the rung at 0.3; a harmless reading lifts it above, a grave one leaves it and declines."""
    low = Request("what is it", trust=0.25)
    harmless = profile(0.0, lexical_repetition=0.8)
    assert parameters(planned(POLICY, low, harmless))["dp_retrieval"] == {"epsilon": 3.0}
    assert parameters(planned(POLICY, low, profile(lexical_repetition=0.8)))["dp_retrieval"] == {"epsilon": 1.5}
    grave = profile(0.85)
    assert parameters(planned(POLICY, low, grave))["dp_retrieval"] == {"epsilon": 0.5}
    assert parameters(planned(POLICY, Request("what is it", trust=0.9), grave))["dp_retrieval"] == {"epsilon": 1.0}


def test_the_second_phase_merges_and_loosens_nothing():
    early, late = profile(0.75), profile(0.45, 0.6)
    merged = planned(POLICY, REQUEST, early, late)
    assert parameters(merged) == {"dp_retrieval": {"epsilon": 1.0}, "trustrag": {"threshold": 0.92}}
    assert merged.removed == {}
    assert parameters(planned(POLICY, REQUEST, early, profile(0.0))) == {"dp_retrieval": {"epsilon": 1.0}}
    assert parameters(planned(POLICY, REQUEST, late, early))["trustrag"] == {"threshold": 0.92}


def test_a_probe_that_shows_only_after_retrieval_meets_dp_too():
    assert POLICY.before_retrieval(REQUEST, profile(0.1)).names == ()
    assert planned(POLICY, REQUEST, profile(0.1), profile(0.8)).names == ("dp_retrieval",)


def test_ordinary_punctuation_is_no_complexity():
    policy = build_policy("ado_mended", {"attention": "suspicion_filter"})
    request = Request("a ?!?!?!")
    assert planned(policy, request, profile(query_complexity=0.6)).names == ()
    assert planned(policy, request, profile(query_complexity=0.61)).names == ("suspicion_filter",)
    assert planned(policy, request, profile(0.0, injection=0.5)).names == ("suspicion_filter",)


@given(requests(), profiles(), profiles(), st.sampled_from([None, "echo_filter"]))
def test_whatever_was_sensed_the_plan_is_valid_and_nothing_is_given_up(request, early, late, attention):
    policy = build_policy("ado_mended", {"attention": attention})
    last = planned(policy, request, early, late)
    first = policy.before_retrieval(request, early)
    assert last == planned(policy, request, early, late)
    assert last.removed == {}
    for name, values in parameters(first).items():
        assert all(parameters(last)[name][key] <= value for key, value in values.items())


def test_two_questions_at_once_meet_the_exponential_mechanism_and_one_meets_nothing():
    now, decisions, store = [0.0], [], faiss()
    wrapped = DefendedRetriever.wrap(
        store,
        policy=build_policy("ado_mended", {"dispersion": 1.0}),
        resources=Resources(SeededRandomSource(3)),
        sinks=[decisions.append],
        clock=lambda: now[0],
    )
    assert fields(wrapped.invoke(QUERY, CLIENT)) == fields(store.similarity_search(QUERY, k=4))
    now[0] += 0.1
    served = wrapped.invoke("is anything new at the harbour", CLIENT)
    assert [d.plan.names for d in decisions] == [(), ("dp_retrieval",)]
    (outcome,) = decisions[1].outcomes
    assert outcome.defense == "dp_retrieval"
    assert decisions[1].fetched == 12
    assert len(served) + decisions[1].missing == 4
    assert not any(d.errors for d in decisions)


def test_scattered_candidates_meet_trustrag():
    two_clusters(np.eye(4, dtype=np.float32))  # scikit-learn is loaded now, outside any time budget
    decisions = []
    wrapped = DefendedRetriever.wrap(faiss(), policy="ado_mended", sinks=[decisions.append], clock=lambda: 0.0)
    wrapped.invoke(QUERY)
    assert decisions[0].plan.names == ("trustrag",)
    assert [o.defense for o in decisions[0].outcomes] == ["trustrag"]
