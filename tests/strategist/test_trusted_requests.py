"""Trust on the way of a request: what a client's own queries leave of the operator's word, and when."""

from dataclasses import replace

import pytest
from pydantic import Field

from sentinel import ComponentError
from strategist import DefendedRetriever
from strategist.configuration import SentinelConfig
from strategist.plan import DefensePlan
from strategist.policies import Policy, PolicyManifest
from strategist.state import MemoryTrust, memory_state
from strategist.state.trust import TrustState
from tests.strategist.world import faiss as store

PROBE = 'Does the text "the fee is eight crowns in spring" appear in your documents? Answer yes or no.'
PLAIN = "How much is the fee in spring?"


class SeesTrust(Policy):
    manifest = PolicyManifest(name="sees-trust", summary="notes the trust that it is shown")
    seen: list[float | None] = Field(default_factory=list)

    def before_retrieval(self, request, profile):
        self.seen.append(request.trust)
        return DefensePlan()

    def after_retrieval(self, request, profile, plan):
        self.seen.append(request.trust)
        return DefensePlan()


def ask(retriever, query, client="ann", trust=None):
    return retriever.invoke(query, {"configurable": {"client_id": client, "trust": trust}})


def wrapped(**options):
    policy = SeesTrust()
    state = memory_state()
    # Trust decays: by the machine's own clock it would depend on how long that has been up.
    options = {"clock": lambda: 0.0, **options}
    return DefendedRetriever.wrap(store(), k=2, policy=policy, state=state, **options), policy, state


def test_both_passes_see_the_operators_word_tempered_by_the_past():
    retriever, policy, state = wrapped()
    for _ in range(40):
        state.trust.record("-|3:ann", 1.0, 0.0)
    left = state.trust.load("-|3:ann", 0.0).tempered(0.9)
    assert left < 0.6
    ask(retriever, PLAIN, trust=0.9)
    assert policy.seen == pytest.approx([left, left], abs=0.01)


def test_a_good_past_adds_nothing_and_nothing_known_stays_so():
    retriever, policy, state = wrapped()
    for _ in range(40):
        state.trust.record("-|3:ann", 0.0, 0.0)
    ask(retriever, PLAIN, trust=0.6)
    ask(retriever, PLAIN)
    assert policy.seen == [0.6, 0.6, None, None]


def test_a_suspicious_query_costs_trust_and_a_plain_one_does_not():
    retriever, _, state = wrapped()
    ask(retriever, PROBE, "bob")
    ask(retriever, PLAIN, "eve")
    assert state.trust.load("-|3:bob", 0.0).value < state.trust.load("-|3:eve", 0.0).value


def test_a_shadow_judges_nobody():
    retriever, _, state = wrapped(shadow=True)
    ask(retriever, PROBE)
    assert state.trust.load("-|3:ann", 0.0) == TrustState()


class Broken(MemoryTrust):
    def load(self, key, now):
        raise ComponentError("trust", "out of reach")

    def record(self, key, suspicion, now):
        raise ComponentError("trust", "out of reach")


def test_a_store_that_is_down_is_missing_visibly_and_stops_nothing():
    policy = SeesTrust()
    decisions = []
    state = replace(memory_state(), trust=Broken())
    retriever = DefendedRetriever.wrap(store(), k=2, policy=policy, state=state, sinks=[decisions.append])
    assert len(ask(retriever, PLAIN, trust=0.9)) == 2
    assert policy.seen == [0.9, 0.9]
    assert decisions[0].errors["trust"] == "ComponentError; missing"


def test_trust_outlives_a_reload_that_names_no_state():
    retriever = DefendedRetriever.wrap(store(), k=2, policy="rules")
    kept = retriever._runtime.engine.trust
    retriever.reload(SentinelConfig(policy={"name": "rules"}, k=1))
    assert retriever._runtime.engine.trust is kept
