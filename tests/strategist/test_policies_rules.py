"""Rules: each threshold at its edge, missing signals, parameters handed on, and what it does to real requests."""

import numpy as np
import pytest

from sentinel import ConfigurationError, Request, RiskProfile
from strategist import DefendedRetriever, DefensePlan, build_policy
from tests.strategist.world import QUERY, Ranked, fields, planted

REQUEST = Request("q", 4)
LONG = Request("word " * 40, 4)


def planned(policy=None, request=REQUEST, **signals):
    policy = policy or build_policy("rules")
    profile = RiskProfile(signals)
    first = policy.before_retrieval(request, profile)
    return first.extended(policy.after_retrieval(request, profile, first))


@pytest.mark.parametrize(
    ("signals", "names"),
    [
        ({}, ()),
        ({"verbatim_run": 24.0, "ngram_containment": 0.39, "question_echo": 0.79}, ()),
        ({"verbatim_run": 25.0}, ("hide_probed",)),
        ({"ngram_containment": 1.0}, ()),
        ({"question_echo": 0.8}, ("echo_filter", "cluster_filter")),
        ({"verbatim_run": 25.0, "question_echo": 1.0}, ("hide_probed", "echo_filter", "cluster_filter")),
        ({"verbatim_run": np.array([1.0, np.nan, 30.0])}, ("hide_probed",)),
        ({"verbatim_run": np.array([np.nan, np.nan]), "question_echo": None}, ()),
        ({"similarity_outlier": 99.0, "unheard_of": 1e9}, ()),
    ],
)
def test_thresholds(signals, names):
    assert planned(**signals).names == names


def test_containment_counts_from_forty_words_on():
    assert planned(request=LONG, ngram_containment=0.4).names == ("hide_probed",)
    assert planned(request=LONG, ngram_containment=0.39).names == ()
    assert planned(request=Request("word " * 39, 4), ngram_containment=1.0).names == ()


def test_more_is_fetched_so_that_what_is_dropped_can_be_replaced():
    assert planned().overfetch == 3
    assert planned(build_policy("rules", {"overfetch": 7})).overfetch == 7


def test_parameters_reach_the_defenses():
    policy = build_policy("rules", {"run": 5, "containment": 0.3, "echo": 0.6, "threshold": 0.95})
    found = {d.name: d.parameters for d in planned(policy, verbatim_run=5.0, question_echo=0.6).defenses}
    assert found == {
        "hide_probed": {"run": 5, "share": 0.3, "grams": 20},
        "echo_filter": {"share": 0.6},
        "cluster_filter": {"threshold": 0.95},
    }
    assert all(d.reason for d in planned(policy, verbatim_run=5.0, question_echo=0.6).defenses)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"run": 2}, "run"), ({"echo": 0.0}, "echo"), ({"overfetch": 99}, "overfetch"), ({"ecoh": 1}, "did you mean")],
)
def test_bad_parameters(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        build_policy("rules", wrong)


def test_a_policy_object_is_handed_back():
    policy = build_policy("rules", {"run": 9})
    assert build_policy(policy) is policy
    assert policy.after_retrieval(REQUEST, RiskProfile(), DefensePlan()).defenses == ()


def test_planted_documents_go_and_the_next_ones_move_up():
    documents = planted(0, 2)
    served = DefendedRetriever.wrap(Ranked(docs=documents)).invoke(QUERY)
    assert fields(served) == fields([documents[i] for i in (1, 3, 4, 5)])


def test_a_pasted_excerpt_hides_its_source_and_nothing_else():
    documents = planted()
    policy = build_policy("rules", {"run": 5, "grams": 3})
    served = DefendedRetriever.wrap(Ranked(docs=documents), policy=policy).invoke(documents[2].page_content)
    assert fields(served) == fields([documents[i] for i in (0, 1, 3, 4)])
