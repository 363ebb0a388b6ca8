"""A later plan adds to an earlier one; nothing is dropped without being named."""

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import ConfigurationError
from strategist import DefensePlan, PlannedDefense
from tests.strategist.world import plan

NAMES = st.sampled_from("abcdef")
REMOVED = st.dictionaries(NAMES, st.just("too costly"), max_size=3)


@st.composite
def plans(draw, removing=False):
    chosen = draw(st.lists(NAMES, unique=True, max_size=5))
    removed = {n: why for n, why in draw(REMOVED).items() if n not in chosen} if removing else {}
    defenses = tuple(PlannedDefense(n, {"share": draw(st.floats(0, 1))}, "why") for n in chosen)
    return DefensePlan(defenses, draw(st.integers(1, 9)), removed)


@given(plans(), plans(removing=True))
def test_nothing_is_dropped_unless_named(early, late):
    both = early.extended(late)
    assert set(both.names) == (set(early.names) - set(late.removed)) | set(late.names)
    assert set(early.names) - set(both.names) <= set(both.removed)
    assert both.overfetch == max(early.overfetch, late.overfetch)


@given(plans(), plans(removing=True))
def test_later_parameters_count_and_places_stay(early, late):
    both = early.extended(late)
    parameters = {d.name: d.parameters for d in (*early.defenses, *late.defenses)}
    assert all(d.parameters == parameters[d.name] for d in both.defenses)
    stayed = [n for n in early.names if n not in late.removed]
    assert both.names == (*stayed, *(n for n in late.names if n not in stayed))


@given(st.lists(plans(removing=True), min_size=1, max_size=4))
def test_a_chain_of_plans_never_removes_what_it_chooses(chain):
    total = DefensePlan()
    for one in chain:
        total = total.extended(one)
    assert not set(total.removed) & set(total.names)
    json.dumps(total.record(), allow_nan=False)


@given(plans(removing=True), st.dictionaries(NAMES, st.just("not worth it"), max_size=6))
def test_what_is_given_up_is_named_and_the_rest_stays(one, given_up):
    left = one.without(given_up)
    assert left.defenses == tuple(d for d in one.defenses if d.name not in given_up)
    assert set(one.names) - set(left.names) == set(left.removed) - set(one.removed)
    assert {**left.removed, **one.removed} == dict(left.removed)
    assert left.overfetch == one.overfetch


@given(plans())
def test_an_empty_plan_changes_nothing(early):
    assert early.extended(DefensePlan()) == early
    assert DefensePlan().extended(early) == early


def test_removing_what_is_chosen_is_refused():
    with pytest.raises(ConfigurationError, match="removes what it chooses: a"):
        plan("b").extended(plan("a", removed={"a": "x"}))


@pytest.mark.parametrize("wrong", [{"overfetch": 0}, {"overfetch": -3}])
def test_bad_overfetch_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="overfetch"):
        DefensePlan(**wrong)


def test_a_defense_is_named_once():
    with pytest.raises(ConfigurationError, match="twice"):
        plan("a", "b", "a")


def test_plans_are_immutable_and_records_are_copies():
    one = plan("a", share=0.5)
    with pytest.raises(FrozenInstanceError):
        one.overfetch = 3
    one.record()[0]["parameters"]["share"] = 9
    assert one.record() == [{"name": "a", "parameters": {"share": 0.5}, "reason": "why"}]
