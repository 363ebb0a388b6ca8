"""A random plan repeats for a request, and over requests each defense comes as often as it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.context.trustrag import two_clusters
from sentinel import ConfigurationError, Request, RiskProfile
from strategist import DefendedRetriever, build_policy
from tests.strategist.profiles import planned, profiles, requests
from tests.strategist.world import QUERY, faiss

OWN = build_policy("random").permitted
REQUESTS = [Request(f"question {i}", client_id=f"c{i % 7}") for i in range(2000)]


def drawn(request, **parameters):
    return planned(build_policy("random", parameters), request, RiskProfile()).names


@given(requests(), profiles(), profiles(), st.floats(0.0, 1.0), st.integers(0, 2**64 - 1))
def test_whatever_was_sensed_the_same_request_gets_the_same_plan(request, early, late, probability, seed):
    policy = build_policy("random", {"probability": probability, "seed": seed})
    last = planned(policy, request, early, late)
    assert last == planned(policy, request, RiskProfile())
    assert [name for name in OWN if name in last.names] == list(last.names)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_each_defense_comes_with_its_probability(probability):
    plans = [drawn(request, probability=probability) for request in REQUESTS]
    for name in OWN:
        assert sum(name in names for names in plans) / len(plans) == pytest.approx(probability, abs=0.035)


def test_defenses_are_drawn_independently():
    plans = [drawn(request) for request in REQUESTS]
    both = sum("echo_filter" in names and "cluster_filter" in names for names in plans)
    assert both / len(plans) == pytest.approx(0.25, abs=0.035)


def test_no_probability_is_no_defense_and_one_is_all():
    assert {drawn(request, probability=0.0) for request in REQUESTS[:50]} == {()}
    assert {drawn(request, probability=1.0) for request in REQUESTS[:50]} == {OWN}


def test_the_plan_hangs_on_seed_query_and_client_and_not_on_the_time():
    request = REQUESTS[3]
    assert drawn(request) == drawn(Request(request.query, client_id=request.client_id, time=1e6))
    assert len({drawn(request, seed=seed) for seed in range(20)}) > 10
    assert len({drawn(Request(request.query, client_id=str(i))) for i in range(20)}) > 10


def test_a_larger_probability_only_adds():
    for request in REQUESTS[:200]:
        assert set(drawn(request, probability=0.3)) <= set(drawn(request, probability=0.6))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"probability": 1.1}, "probability"),
        ({"seed": -1}, "seed"),
        ({"permitted": ["echo_fliter"]}, "did you mean 'echo_filter'"),
        ({"permitted": ["echo_filter", "echo_filter"]}, "twice"),
    ],
)
def test_bad_parameters(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        build_policy("random", wrong)


def test_it_defends_a_real_store():
    two_clusters(np.eye(4, dtype=np.float32))  # scikit-learn is loaded now, outside any time budget
    decisions = []
    policy = build_policy("random", {"permitted": ("echo_filter", "trustrag"), "probability": 0.5})
    wrapped = DefendedRetriever.wrap(faiss(), policy=policy, sinks=[decisions.append], clock=lambda: 0.0)
    for number in range(20):
        wrapped.invoke(f"{QUERY} {number}")
    assert {d.plan.names for d in decisions} == {(), ("echo_filter",), ("trustrag",), ("echo_filter", "trustrag")}
    assert not any(d.errors for d in decisions)
    assert [[o.defense for o in d.outcomes] for d in decisions] == [list(d.plan.names) for d in decisions]
