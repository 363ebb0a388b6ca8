"""A quota: what is served is charged, nothing else is, and nobody overspends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, SeededRandomSource, build
from defenses.retrieval.exposure_budget import ExposureBudget, digest
from sentinel import Request, RiskProfile
from tests.builders import candidates, evidence

PROFILE = RiskProfile()


def ask(resources, texts, *, k=5, client="c", trust=None, tenant=None, time=0.0, **parameters):
    request = Request("q", k=k, client_id=client, trust=trust, tenant=tenant, time=time)
    found = replace(evidence(found=candidates(texts)), request=request)
    return ExposureBudget(**parameters).select(found, PROFILE, resources)


def test_a_document_is_served_so_often_and_again_after_the_window():
    resources = Resources()
    served = [ask(resources, "ab", time=t, document_anonymous=2, window_s=10).keep for t in (0, 1, 2)]
    assert served == [(0, 1), (0, 1), ()]
    assert ask(resources, "c", time=2).keep == (0,)
    refused = ask(resources, "a", time=9, document_anonymous=2, window_s=10)
    assert refused.dropped == {0: "quota: this document was served to the client often enough"}
    assert ask(resources, "a", time=10, document_anonymous=2, window_s=10).keep == (0,)


def test_only_the_first_k_are_charged():
    resources = Resources()
    for time in range(3):
        assert ask(resources, "abcd", k=2, document_anonymous=3).keep == (0, 1, 2, 3), time
    # a and b are used up; c and d were never charged and take their places.
    assert ask(resources, "abcd", k=2, document_anonymous=3).keep == (2, 3)
    assert ask(resources, "dc", k=2, document_anonymous=3).keep == (0, 1)


def test_a_document_behind_the_first_k_stays_only_if_it_could_be_charged():
    resources = Resources()
    ask(resources, "z", document_anonymous=1)
    assert ask(resources, "abz", k=2, document_anonymous=1).keep == (0, 1)
    assert ask(resources, "cdy", k=2, document_anonymous=1).keep == (0, 1, 2)


def test_distinct_documents():
    resources = Resources()
    selection = ask(resources, "abcd", distinct_anonymous=3)
    assert selection.keep == (0, 1, 2)
    assert selection.dropped == {3: "quota: the client was served enough different documents"}
    assert ask(resources, "dba", distinct_anonymous=3).keep == (1, 2), "what was seen may be seen again"
    assert ask(resources, "dba", k=1, distinct_anonymous=3).keep == (1, 2)


@pytest.mark.parametrize(
    ("trust", "client", "tier"),
    [
        (None, "c", "anonymous"),
        (0.0, "c", "low"),
        (0.69, "c", "low"),
        (0.7, "c", "high"),
        (1.0, None, "anonymous"),  # trust without a name is nobody's
    ],
)
def test_tiers(trust, client, tier):
    assert ExposureBudget().tier(Request("q", client_id=client, trust=trust)) == tier
    resources, served = Resources(), 0
    while ask(resources, "a", trust=trust, client=client).keep:
        served += 1
    assert served == getattr(ExposureBudget(), f"document_{tier}")


def test_clients_and_tenants_have_budgets_of_their_own():
    resources = Resources()
    for client, tenant in (("a", None), ("b", None), ("a", "t"), (None, None), ("None", None), ("", None), (None, "")):
        assert ask(resources, "x", client=client, tenant=tenant, document_anonymous=1).keep == (0,)
        assert ask(resources, "x", client=client, tenant=tenant, document_anonymous=1).keep == ()
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest(None, "abc"), digest("", "abc")}) == 5


def test_a_budget_of_everyone_holds_against_many_clients_and_not_for_the_trusted():
    resources = Resources()
    served = [bool(ask(resources, "a", client=f"sybil{i}", document_everyone=4).keep) for i in range(6)]
    assert served == [True] * 4 + [False] * 2
    why = ask(resources, "a", client="more", document_everyone=4).dropped[0]
    assert why == "quota: this document was served to all clients often enough"
    assert ask(resources, "a", client="colleague", trust=0.9, document_everyone=4).keep == (0,)
    assert ask(resources, "a", client="other", tenant="t", document_everyone=4).keep == (0,)
    assert ask(resources, "a", client="more").keep == (0,), "off by default"


def test_a_refused_serving_costs_nothing():
    resources = Resources()
    ask(resources, "a", document_everyone=1)
    for _ in range(5):
        assert ask(resources, "a", client="d", document_everyone=1).keep == ()
    assert ask(resources, "a", client="d", document_anonymous=1).keep == (0,)


def test_equal_texts_are_one_document():
    resources = Resources()
    assert ask(resources, ["a", "a", "b"], document_anonymous=1).keep == (0, 1, 2), "charged once"
    assert ask(resources, ["a", "c", "a"], document_anonymous=1).keep == (1,), "and refused together"


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), max_size=12), st.integers(1, 4), st.integers(0, 3))
def test_no_document_is_charged_beyond_its_quota_and_every_drop_is_said(requests, k, limit):
    resources, served = Resources(SeededRandomSource(1)), {}
    for texts in requests:
        selection = ask(resources, texts, k=k, document_anonymous=limit)
        assert list(selection.keep) == sorted(selection.keep)
        assert set(selection.keep) | set(selection.dropped) == set(range(len(texts)))
        assert all(why.startswith("quota") for why in selection.dropped.values())
        for text in {texts[i] for i in selection.keep[:k]}:
            served[text] = served.get(text, 0) + 1
    assert all(n <= limit for n in served.values())


def test_concurrent_requests_of_one_client_cannot_overspend_by_one():
    resources, gate = Resources(), threading.Barrier(32)

    def work(_):
        gate.wait()
        return sum(len(ask(resources, "ab", document_anonymous=37).keep) for _ in range(4))

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(work, range(32))) == 2 * 37


def test_it_is_called_a_quota_and_nothing_more():
    assert build("exposure_budget").manifest.guarantee.startswith("a deterministic quota")
