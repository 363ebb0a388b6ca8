"""The published stack is planned for everybody, whatever was sensed."""

import pytest

from defenses import Resources, SeededRandomSource
from sentinel import ConfigurationError, Request, RiskProfile
from strategist import DefendedRetriever, DefensePlan, build_policy
from tests.strategist.world import QUERY, faiss, fields

PROFILES = [RiskProfile(), RiskProfile({"question_echo": 1.0, "verbatim_run": None})]


@pytest.mark.parametrize("profile", PROFILES)
def test_always_the_same_plan(profile):
    policy = build_policy("always_on", {"epsilon": 2.5, "overfetch": 4})
    first = policy.before_retrieval(Request("q"), profile)
    assert first.names == ("ado_noise", "trustrag")
    assert first.overfetch == 4
    assert first.defenses[0].parameters == {"epsilon": 2.5}
    assert first.extended(policy.after_retrieval(Request("q"), profile, first)) == first


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"overfetch": 0}, {"overfetch": 21}, {"epsilno": 1}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="always_on"):
        build_policy("always_on", wrong)


def test_it_runs_both_defenses_on_a_benign_question():
    decisions, store = [], faiss()
    resources = Resources(SeededRandomSource(3))
    wrapped = DefendedRetriever.wrap(
        store, policy="always_on", resources=resources, sinks=[decisions.append], clock=lambda: 0.0
    )
    served = wrapped.invoke(QUERY)
    (decision,) = decisions
    assert decision.plan.names == ("ado_noise", "trustrag")
    assert isinstance(decision.plan, DefensePlan)
    assert [o.defense for o in decision.outcomes] == ["ado_noise", "trustrag"]
    assert decision.fetched == 12
    assert len(served) + decision.missing == 4
    assert fields(served) == fields(wrapped.invoke(QUERY))
