"""DefendedRetriever's promises to LangChain users: the same documents when benign, and what is attached to them."""

from __future__ import annotations

import asyncio
import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from defenses import Resources
from sentinel import UncalibratedWarning
from strategist import DefendedRetriever, build_policy, retriever
from tests.strategist.retriever_bases import ATTACKED, BASES, DOCUMENTS, EVERY_BASE, bare, every_way, wrap
from tests.strategist.world import QUERY, Ranked, fields, planted

# Promises 1 to 3: the same documents, none invented, k of them


@EVERY_BASE
def test_policy_none_is_the_bare_retriever(name):
    decisions = []
    expected = bare(BASES[name], QUERY)
    assert expected
    for served in every_way(wrap(BASES[name], policy="none", sinks=[decisions.append]), QUERY):
        assert served == expected
    assert {d.mode for d in decisions} == {"passive"}
    assert not any(d.profile.signals for d in decisions)


@EVERY_BASE
@pytest.mark.parametrize("attach", ["id", "none"])
def test_a_benign_question_gets_what_the_bare_retriever_serves(name, attach):
    expected = bare(BASES[name], QUERY)
    for served in every_way(wrap(BASES[name], attach=attach), QUERY):
        assert fields(served) == fields(expected)
        assert [set(d.metadata) - set(e.metadata) for d, e in zip(served, expected, strict=True)] == (
            [{"sentinel"} if attach == "id" else set()] * len(expected)
        )


@EVERY_BASE
def test_an_attack_is_answered_alike_in_every_way(name):
    first, *others = every_way(wrap(ATTACKED[name]), QUERY)
    assert not any(QUERY in d.page_content for d in first)
    assert all(fields(other) == fields(first) for other in others)


@pytest.mark.parametrize("name", [n for n in BASES if n not in {"lambda", "chain", "sync_arguments", "threshold"}])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_documents_come_back(name, k):
    for served in every_way(wrap(ATTACKED[name], k=k), QUERY):
        assert len(served) == k


@pytest.mark.parametrize("name", ["lambda", "chain", "sync_arguments"])
def test_a_base_that_tells_no_number(name):
    """Flagged, it serves what is left of its own answer; a stated number is kept to."""
    decisions = []
    expected = [d for d in bare(ATTACKED[name], QUERY) if QUERY not in d.page_content]
    assert fields(wrap(ATTACKED[name], sinks=[decisions.append]).invoke(QUERY)) == fields(expected)
    assert decisions[0].missing == 2
    for served in every_way(wrap(ATTACKED[name], k=2), QUERY):
        assert fields(served) == fields(expected[:2])
    for served in every_way(wrap(BASES[name], k=2, policy="none"), QUERY):
        assert fields(served) == fields(DOCUMENTS[:2])


@pytest.mark.parametrize("k", [1, 7, 24, 25, 100, 10_000])
@pytest.mark.parametrize("base", ["store", "bm25"])
def test_any_k(base, k):
    decisions = []
    wrapped = wrap(ATTACKED[base], sinks=[decisions.append])
    served = wrapped.invoke(QUERY, k=k)
    assert len(served) == min(k, 22)
    assert decisions[0].missing == max(0, min(k, 24) - 22)
    assert fields(asyncio.run(wrapped.ainvoke(QUERY, k=k))) == fields(served)


TEXTS = ["granite fjord cedar", "granite fjord cedar", "amber isle", f"{QUERY}? Never.", f"So: {QUERY}", ""]


@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(["one.txt", "two.txt"])), max_size=14),
    st.integers(1, 6),
    st.booleans(),
)
def test_documents_are_never_invented_or_mutated(parts, k, duplicate_ids):
    documents = [
        Document(id="same" if duplicate_ids else str(i), page_content=text, metadata={"source": source, "place": i})
        for i, (text, source) in enumerate(parts)
    ]
    before = [d.model_copy(deep=True) for d in documents]
    served = wrap(Ranked(docs=documents), k=k).invoke(QUERY)
    seen = documents[: 3 * k]
    clean = [d for d in seen if QUERY not in d.page_content]
    assert fields(served) == fields(clean[:k])
    assert documents == before
    for document in served:
        document.metadata.clear()
    assert documents == before


def test_identity_is_position():
    """Two chunks of one source: the planted first one goes, the clean second one is served."""
    poisoned = Document(page_content=f"{QUERY}? Never.", metadata={"source": "bridge.pdf"})
    clean = Document(page_content="The bridge is open.", metadata={"source": "bridge.pdf"})
    assert fields(wrap(Ranked(docs=[poisoned, clean])).invoke(QUERY)) == fields([clean])


def test_it_may_be_wrapped_again():
    inner = wrap(Ranked(docs=planted(0)))
    assert fields(wrap(inner, policy="none").invoke(QUERY)) == fields(inner.invoke(QUERY))
    assert len(wrap(inner, k=2).invoke(QUERY)) == 2


# What is attached, recorded and warned of


def test_attached_is_a_random_id_and_no_more():
    decisions = []
    wrapped = wrap(Ranked(docs=planted(0)), sinks=[decisions.append])
    served = wrapped.invoke(QUERY)
    assert [d.metadata["sentinel"] for d in served] == [{"decision_id": decisions[0].id}] * 4
    served[0].metadata["sentinel"]["decision_id"] = "changed"
    assert served[1].metadata["sentinel"] == {"decision_id": decisions[0].id}
    assert len({wrapped.invoke(QUERY)[0].metadata["sentinel"]["decision_id"] for _ in range(20)}) == 20


def test_the_whole_record_only_if_asked_for():
    served = wrap(Ranked(docs=planted(0)), attach="full").invoke(QUERY)
    note = served[0].metadata["sentinel"]
    assert any(outcome["dropped"] for outcome in note["decision"]["outcomes"])
    assert note["decision"]["id"] == note["decision_id"]
    assert QUERY not in json.dumps(note)


@pytest.mark.parametrize("options", [{"policy": "none"}, {"shadow": True}, {"attach": "none"}])
def test_nothing_is_attached(options):
    served = wrap(Ranked(docs=DOCUMENTS), **options).invoke(QUERY)
    assert fields(served) == fields(DOCUMENTS[:4])
    assert not any("sentinel" in d.metadata for d in served)


@EVERY_BASE
def test_shadow_serves_the_bases_own_answer(name):
    decisions = []
    expected = bare(ATTACKED[name], QUERY)
    for served in every_way(wrap(ATTACKED[name], shadow=True, sinks=[decisions.append]), QUERY):
        assert served == expected
    found = any(QUERY in d.page_content for d in expected)
    assert {d.mode for d in decisions} == {"shadow"}
    assert all(d.plan.names[:1] for d in decisions if found)
    assert all(d.dropped for d in decisions if found)


def test_a_shadow_charges_nobody_s_budget():
    resources = Resources()
    for shadow in (False, True):
        engine = wrap(Ranked(docs=DOCUMENTS), resources=resources, shadow=shadow)._runtime.engine
        assert (engine.resources.ledger is resources.ledger) is not shadow
        assert engine.resources.random is resources.random


@pytest.mark.parametrize("name", ["none", "rules"])
def test_each_sink_is_called_once_and_may_fail(name):
    first, last = [], []

    def failing(decision):
        raise OSError("disk full")

    wrapped = wrap(Ranked(docs=DOCUMENTS), policy=name, sinks=[first.append, failing, last.append])
    with pytest.warns(RuntimeWarning, match="sink failed: OSError: disk full"):
        assert len(wrapped.invoke(QUERY)) == 4
    with pytest.warns(RuntimeWarning, match="sink failed: OSError: disk full"):
        assert len(asyncio.run(wrapped.ainvoke(QUERY))) == 4
    assert [d.id for d in first] == [d.id for d in last]
    assert len({d.id for d in first}) == 2


def test_uncalibrated_is_said_once_and_where():
    retriever._warn_uncalibrated.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wrap(Ranked(docs=DOCUMENTS), policy="none")
        assert caught == []
        DefendedRetriever(base=Ranked(docs=DOCUMENTS))  # this line
        wrap(Ranked(docs=DOCUMENTS))
        DefendedRetriever(base=Ranked(docs=DOCUMENTS), policy="always_on")
        retriever._warn_uncalibrated.cache_clear()
        wrap(Ranked(docs=DOCUMENTS))  # and this line
    assert [c.category for c in caught] == [UncalibratedWarning] * 2
    with open(__file__, encoding="utf-8") as file:
        lines = file.readlines()
    assert {c.filename for c in caught} == {__file__}
    assert ["# this line" in lines[caught[0].lineno - 1], "# and this line" in lines[caught[1].lineno - 1]] == [
        True
    ] * 2


def test_the_configurations_hash():
    def hashed(**options):
        return wrap(Ranked(docs=DOCUMENTS), **options).config_hash

    changed = [
        {},
        {"policy": "none"},
        {"policy": "rules"},
        {"policy": build_policy("rules", {"run": 11})},
        {"policy": build_policy("rules", {"echo": 0.7})},
        {"on_error": "closed"},
        {"shadow": True},
    ]
    assert len({hashed(**options) for options in changed}) == len(changed)
    assert all(hashed(**options) == hashed(**options) for options in changed)
    plain = hashed(policy="rules")
    assert plain == hashed(policy=build_policy("rules", {"run": 25}), sinks=[print], attach="none")
