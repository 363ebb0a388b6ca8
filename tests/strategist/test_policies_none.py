"""Policy none never plans anything; what it serves is in test_retriever."""

from sentinel import Request, RiskProfile
from strategist import POLICIES, DefensePlan, build_policy


def test_it_plans_nothing():
    policy = build_policy("none")
    assert policy.before_retrieval(Request("q"), RiskProfile()) == DefensePlan()
    assert policy.after_retrieval(Request("q"), RiskProfile({"question_echo": 1.0}), DefensePlan()) == DefensePlan()


def test_it_is_the_passive_one():
    assert build_policy("none").manifest.passive
    assert [n for n, m in POLICIES.manifests().items() if m.passive] == ["none"]
