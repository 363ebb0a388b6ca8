"""Everything that adaptive may choose is planned for everybody."""

import pytest
from hypothesis import given

from defenses import DEFENSES
from sentinel import ConfigurationError, Request, RiskProfile
from strategist import DefendedRetriever, build_policy
from tests.strategist.profiles import planned, profiles, requests
from tests.strategist.world import QUERY, faiss, fields, planted


@given(requests(), profiles(), profiles())
def test_always_the_same_plan(request, early, late):
    policy = build_policy("always_on_own")
    assert planned(policy, request, early, late) == planned(policy, Request("another"), RiskProfile())


def test_it_holds_no_baseline_and_every_threat_of_documents_and_clients():
    plan = build_policy("always_on_own").before_retrieval(Request("q"), RiskProfile())
    assert set(plan.names) >= {"hide_probed", "hide_for_client", "echo_filter", "cluster_filter", "gibberish_filter"}
    manifests = [DEFENSES.get(name).manifest for name in plan.names]
    assert not any(manifest.baseline for manifest in manifests)
    covered = {threat.value for manifest in manifests for threat in manifest.threats}
    assert covered >= {"membership", "poisoning", "injection", "extraction", "jamming"}


@pytest.mark.parametrize("wrong", [{"overfetch": 0}, {"overfetch": 21}, {"epsilon": 1.0}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="always_on_own"):
        build_policy("always_on_own", wrong)


def test_planted_documents_go_and_others_move_up():
    decisions, store = [], faiss(planted(0, 2))
    wrapped = DefendedRetriever.wrap(
        store, policy=build_policy("always_on_own", {"overfetch": 6}), sinks=[decisions.append], clock=lambda: 0.0
    )
    served = wrapped.invoke(QUERY)
    (decision,) = decisions
    assert [outcome.defense for outcome in decision.outcomes] == list(decision.plan.names)
    assert not decision.errors
    assert len(served) == 4
    assert not any(QUERY in document.page_content for document in served)
    ranked = store.similarity_search(QUERY, k=24)
    assert [f for f in fields(ranked) if f in fields(served)] == fields(served)
