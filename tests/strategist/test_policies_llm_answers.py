"""The controller's answers: what is taken of them, and that any of them makes a valid plan."""

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import Field, model_validator

from defenses import DEFENSES, DefenseManifest, SelectionDefense
from sentinel.manifest import Stage
from strategist.policies import _controller as controller
from strategist.policies.llm import LlmPolicy
from tests.strategist.controllers import PROFILE, REQUEST, Calling, after, answer, llm, tool_call
from tests.strategist.profiles import parameters, planned, profiles, requests


@pytest.mark.parametrize(
    "text",
    [
        answer(("echo_filter", {"share": 0.5})),
        f"Here is the plan:\n```json\n{answer(('echo_filter', {'share': 0.5}))}\n```\nStay safe {{}}.",
        "I weigh {the harms}. " + answer(("Echo_Filter ", [{"name": "share", "value": 0.5}])),
        answer(("echo_filter", {"share": "0.5"})),
    ],
)
def test_a_plan_is_read_from_words(text):
    policy = after(text)
    plan = planned(policy, REQUEST, PROFILE)
    assert parameters(plan) == {"echo_filter": {"share": 0.5}}
    assert plan.overfetch == 3
    assert plan.removed == {}
    assert plan.defenses[0].reason.startswith("chosen by the controller")
    assert (policy.calls, policy.fallbacks) == (2, 0)


def test_a_plan_is_read_from_a_tool_call():
    model = Calling(messages=iter([tool_call(), tool_call(("cluster_filter", {}), ("echo_filter", {}))]), bound=[])
    policy = LlmPolicy(model=model)
    assert planned(policy, REQUEST, PROFILE).names == ("cluster_filter", "echo_filter")
    assert model.bound[0][0] is controller.ControllerAnswer
    assert policy.fallbacks == 0


def test_a_model_that_was_offered_tools_and_answers_in_words_is_understood():
    model = Calling(messages=iter([AIMessage(answer()), AIMessage(answer(("echo_filter", {})))]), bound=[])
    assert planned(LlmPolicy(model=model), REQUEST, PROFILE).names == ("echo_filter",)


def test_what_was_chosen_before_retrieval_stays_as_it_was():
    policy = llm(
        answer(("hide_probed", {"run": 9}), ("normalise_query", {})),
        answer(("hide_probed", {"run": 100}), ("HIDE_PROBED", {}), ("echo_filter", {})),
    )
    plan = planned(policy, REQUEST, PROFILE)
    assert parameters(plan) == {"hide_probed": {"run": 9}, "normalise_query": {}, "echo_filter": {}}
    assert plan.removed == {}


class Ranged(SelectionDefense):
    """Every kind of parameter that a defense may have."""

    manifest = DefenseManifest(name="ranged", summary="x", stage=Stage.CONTEXT, threats=frozenset())

    run: int = Field(12, ge=3, le=100)
    share: float = Field(0.4, gt=0.0, le=1.0)
    least: float = Field(0.2, ge=0.0, le=1.0)
    whole: bool = False
    mode: Literal["top_k", "top_p"] = "top_k"
    threats: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _ordered(self):
        if self.least > self.share:
            raise ValueError("least above share")
        return self

    def select(self, evidence, profile, resources):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("said", "taken", "note"),
    [
        ({"run": 500}, {"run": 100}, "run out of range, set to its bound"),
        ({"run": -1, "least": 0.3}, {"run": 3, "least": 0.3}, "run out of range, set to its bound"),
        ({"run": 5.4}, {"run": 5}, ""),
        ({"run": float("inf")}, {}, "default taken"),
        ({"run": 10**400}, {}, "default taken"),
        ({"share": 0.0}, {}, "share out of range, default taken"),
        ({"share": float("nan")}, {}, "default taken"),
        ({"share": True, "run": "many"}, {}, "default taken"),
        ({"share": "0.7"}, {"share": 0.7}, ""),
        ({"whole": True, "mode": "top_p"}, {"whole": True, "mode": "top_p"}, ""),
        ({"whole": 1, "mode": "best"}, {}, "whole is not yes or no, default taken; mode is none of its values"),
        ({"runs": 9}, {}, "an unknown parameter left out"),
        ({"threats": "poisoning"}, {}, "an unknown parameter left out"),
        ({"least": 0.9}, {}, "do not go together"),
        ({}, {}, ""),
        (None, {}, ""),
    ],
)
def test_parameters_are_fitted_to_their_ranges(said, taken, note, monkeypatch):
    DEFENSES.names()
    monkeypatch.setitem(DEFENSES._classes, "ranged", Ranged)
    (chosen,) = planned(after(answer(("ranged", said)), permitted=("ranged",)), REQUEST, PROFILE).defenses
    assert chosen.parameters == taken
    assert note in chosen.reason
    assert note or chosen.reason == "chosen by the controller; it echoes"


def test_what_is_not_permitted_is_refused_and_named():
    policy = after(answer(("trustrag", {}), ("drop table; <Alice>", {}), ("", {}), ("echo_filter", {})))
    plan = planned(policy, REQUEST, PROFILE)
    assert plan.names == ("echo_filter",)
    assert set(plan.removed) == {"trustrag", "droptablealice", "unnamed"}
    narrow = after(answer(("echo_filter", {}), ("hide_probed", {})), permitted=("hide_probed",))
    assert planned(narrow, REQUEST, PROFILE).names == ("hide_probed",)


def test_by_default_no_baseline_and_nothing_that_needs_a_model_is_permitted():
    names = controller.default_permitted()
    assert {"hide_probed", "echo_filter", "neutralise_placeholders"} <= set(names)
    assert not any(DEFENSES.get(name).manifest.baseline for name in names)
    assert planned(llm(answer()), REQUEST, PROFILE).names == ()


def test_refusals_are_bounded_and_quote_nothing_where_the_query_was_shown():
    many = answer(*((f"name{i}", {}) for i in range(100)), ("trustrag", {}))
    assert len(llm(many).before_retrieval(REQUEST, PROFILE).removed) == 20
    quoting = answer(("secret harbour", {}), ("trustrag", {}))
    assert set(llm(quoting, show_query=True).before_retrieval(REQUEST, PROFILE).removed) == {"unknown", "trustrag"}


WORDS = st.text(max_size=12) | st.sampled_from(["hide_probed", "echo_filter", "defenses", "name", "parameters", "run"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
CHOICES = st.fixed_dictionaries(
    {"name": WORDS}, optional={"parameters": ANYTHING, "reason": ANYTHING, "more": ANYTHING}
)
ANSWERS = st.fixed_dictionaries({"defenses": st.lists(CHOICES, max_size=4) | ANYTHING}).map(json.dumps)


@given(
    requests(), profiles(), profiles(), st.lists(ANSWERS | st.text(max_size=40), min_size=2, max_size=2), st.booleans()
)
def test_whatever_is_sensed_and_said_the_plan_is_valid(request, early, late, said, show_query):
    plan = planned(llm(*said, show_query=show_query), request, early, late)
    assert set(plan.names) <= set(controller.default_permitted())
