"""DefendedRetriever's promises to LangChain users: same documents when benign, nothing leaked, nothing shared."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough

from defenses import Resources, Selection
from sentinel import ConfigurationError, DataError, SentinelError, UncalibratedWarning
from strategist import DefendedRetriever, DefensePlan, build_policy, retriever
from strategist.decision import text_hash
from tests.strategist.world import (
    QUERY,
    Raising,
    Ranked,
    SyncArguments,
    corpus,
    faiss,
    fields,
    in_memory,
    plan,
    planted,
    policy,
)

DOCUMENTS = corpus()
CALLER = {"configurable": {"client_id": "client-77", "tenant": "tenant-12", "trust": 0.987654321}}
wrap = DefendedRetriever.wrap


def bases(documents):
    threshold = {"score_threshold": 0.05, "k": 6}
    return {
        "store": faiss(documents),
        "hnsw": faiss(documents, index="hnsw"),
        "retriever": faiss(documents).as_retriever(search_kwargs={"k": 5}),
        "filter": faiss(documents).as_retriever(search_kwargs={"filter": {"even": True}}),
        "in_memory": in_memory(documents).as_retriever(),
        "in_memory_store": in_memory(documents),
        "mmr": faiss(documents).as_retriever(search_type="mmr", search_kwargs={"k": 4, "fetch_k": 9}),
        "in_memory_mmr": in_memory(documents).as_retriever(search_type="mmr"),
        "threshold": faiss(documents).as_retriever(search_type="similarity_score_threshold", search_kwargs=threshold),
        "bm25": Ranked(docs=documents, k=3),
        "sync_arguments": SyncArguments(docs=documents),
        "lambda": RunnableLambda(lambda query: documents[:9]),
        "chain": RunnablePassthrough() | Ranked(docs=documents, k=7),
    }


BASES = bases(DOCUMENTS)
ATTACKED = bases(planted(0, 2))
EVERY_BASE = pytest.mark.parametrize("name", BASES)


def bare(base, query):
    return base.invoke(query) if hasattr(base, "invoke") else base.similarity_search(query)


def every_way(wrapped, query):
    """The same request in every way that LangChain offers."""

    async def awaited():
        return [
            await wrapped.ainvoke(query),
            *await wrapped.abatch([query, query]),
            *[chunk async for chunk in wrapped.astream(query)],
        ]

    return [wrapped.invoke(query), *wrapped.batch([query, query]), *wrapped.stream(query), *asyncio.run(awaited())]


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


# Who asks


class Recorder(BaseCallbackHandler):
    def __init__(self):
        self.events, self.seen = [], []

    def _on(self, kind, *arguments, **more):
        self.events.append((kind, more.get("name")))
        self.seen.append(repr((arguments, more)))

    def on_retriever_start(self, serialized, query, **more):
        self._on("start", serialized, query, **more)

    def on_retriever_end(self, documents, **more):
        self._on("end", **more)

    def on_retriever_error(self, error, **more):
        self._on("error", **more)

    def on_chain_start(self, serialized, inputs, **more):
        self._on("chain", serialized, inputs, **more)

    def on_custom_event(self, name, data, **more):
        self._on("custom", data, name=name, **more)


class AsyncRecorder(AsyncCallbackHandler):
    def __init__(self):
        self.custom = []

    async def on_custom_event(self, name, data, **more):
        self.custom.append((name, data))


def assert_unseen(texts):
    whole = "\n".join(texts)
    assert texts
    assert not any(value in whole for value in ("client-77", "tenant-12", "0.98765"))


@pytest.mark.parametrize("name", ["store", "bm25", "lambda", "chain"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a chain"])
def test_who_asks_reaches_the_decision_and_no_callback(name, inside):
    decisions = []
    wrapped = wrap(ATTACKED[name], sinks=[decisions.append])
    called = RunnablePassthrough() | wrapped | RunnableLambda(lambda documents: documents) if inside else wrapped
    recorder = Recorder()
    config = {**CALLER, "callbacks": [recorder], "metadata": {"mine": "yes"}, "tags": ["tagged"]}

    async def awaited():
        await called.ainvoke(QUERY, config)
        await called.abatch([QUERY, QUERY], config)
        return [repr(event) async for event in called.astream_events(QUERY, config, version="v2")]

    called.invoke(QUERY, config)
    called.batch([QUERY, QUERY], config)
    events = asyncio.run(awaited())
    assert len(decisions) == 7
    assert {(r.client_id, r.tenant, r.trust) for r in (d.request for d in decisions)} == {
        ("client-77", "tenant-12", 0.987654321)
    }
    assert_unseen(recorder.seen)
    assert_unseen(events)
    assert any("'mine': 'yes'" in seen and "tagged" in seen for seen in recorder.seen)


@pytest.mark.parametrize(
    "called",
    [
        lambda wrapped: wrapped.with_config(CALLER).invoke(QUERY),
        lambda wrapped: wrapped.with_retry().invoke(QUERY, CALLER),
        lambda wrapped: wrapped.invoke(QUERY, {"client_id": "client-77", "tenant": "tenant-12", "trust": 0.987654321}),
    ],
)
def test_who_asks_by_other_ways(called):
    decisions = []
    called(wrap(Ranked(docs=DOCUMENTS), sinks=[decisions.append]))
    assert decisions[0].request.client_id == "client-77"


def test_nobody_in_particular_asks():
    decisions = []
    wrap(Ranked(docs=DOCUMENTS), sinks=[decisions.append]).invoke(QUERY)
    request = decisions[0].request
    assert (request.client_id, request.tenant, request.trust) == (None, None, None)


def test_metadata_that_repeats_who_asks_is_taken_out():
    caller, config = retriever.split_caller({**CALLER, "metadata": {"client_id": "client-77", "other": 1}})
    assert caller == ("client-77", "tenant-12", 0.987654321)
    assert config["metadata"] == {"other": 1}
    assert config["configurable"] == {}
    assert CALLER["configurable"]["client_id"] == "client-77"


def test_what_else_is_configurable_reaches_the_base():
    """A tenant's filter set through `configurable_fields` must not be lost on the way."""
    field = ConfigurableField(id="search")
    base = in_memory().as_retriever().configurable_fields(search_kwargs=field)
    config = {"configurable": {"search": {"k": 2, "filter": lambda d: d.metadata["even"]}, "client_id": "c"}}
    expected = base.invoke(QUERY, config)
    assert len(expected) == 2
    for name in ("none", "rules"):
        wrapped = wrap(base, policy=name)
        assert fields(wrapped.invoke(QUERY, config)) == fields(expected)
        assert fields(asyncio.run(wrapped.ainvoke(QUERY, config))) == fields(expected)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"client_id": 7}, ConfigurationError),
        ({"client_id": b"x"}, ConfigurationError),
        ({"tenant": ["a"]}, ConfigurationError),
        ({"trust": "high"}, ConfigurationError),
        ({"trust": True}, ConfigurationError),
        ({"trust": 1.5}, DataError),
        ({"trust": -0.1}, DataError),
        ({"trust": float("nan")}, DataError),
    ],
)
@pytest.mark.parametrize("name", ["none", "rules"])
def test_who_asks_must_make_sense(values, error, name):
    wrapped = wrap(Ranked(docs=DOCUMENTS), policy=name)
    with pytest.raises(error, match=next(iter(values))):
        wrapped.invoke(QUERY, {"configurable": values})
    with pytest.raises(error):
        asyncio.run(wrapped.ainvoke(QUERY, {"configurable": values}))


# Callbacks and events


def test_the_bases_run_nests_in_ours():
    recorder = Recorder()
    wrap(Ranked(docs=DOCUMENTS), policy="none", k=4).invoke(QUERY, {"callbacks": [recorder]})
    asyncio.run(wrap(Ranked(docs=DOCUMENTS), policy="none").ainvoke(QUERY, {"callbacks": [recorder]}))
    one = [("start", "DefendedRetriever"), ("start", "Ranked"), ("end", None), ("end", None)]
    assert recorder.events == one * 2


def test_nested_runs_know_their_parent():
    async def runs():
        wrapped = wrap(Ranked(docs=planted(0)))
        return [e async for e in wrapped.astream_events(QUERY, CALLER, version="v2") if "retriever" in e["event"]]

    events = asyncio.run(runs())
    assert [(e["event"][13:], e["name"]) for e in events] == [
        ("start", "DefendedRetriever"),
        ("start", "Ranked"),
        ("start", "Ranked"),  # its own answer and the longer list, at once, whatever comes of it
        ("end", "Ranked"),
        ("end", "Ranked"),
        ("end", "DefendedRetriever"),
    ]
    assert events[1]["parent_ids"] == events[2]["parent_ids"] == [events[0]["run_id"]]


def test_the_decision_is_a_custom_event():
    recorder, other, decisions = Recorder(), AsyncRecorder(), []
    wrapped = wrap(Ranked(docs=planted(0)), sinks=[decisions.append])
    wrapped.invoke(QUERY, {**CALLER, "callbacks": [recorder]})
    asyncio.run(wrapped.ainvoke(QUERY, {**CALLER, "callbacks": [other]}))
    assert recorder.events.count(("custom", "sentinel_decision")) == 1
    assert decisions[0].id in recorder.seen[-2]
    ((name, data),) = other.custom
    assert name == "sentinel_decision"
    assert json.loads(json.dumps(data)) == decisions[1].record()
    assert data["client"] == text_hash("client-77")


def test_policy_none_sends_no_event():
    recorder = Recorder()
    wrap(Ranked(docs=DOCUMENTS), policy="none").invoke(QUERY, {"callbacks": [recorder]})
    assert not any(kind == "custom" for kind, _ in recorder.events)


@pytest.mark.parametrize("name", ["none", "rules"])
def test_what_the_base_raises_reaches_caller_and_callbacks(name):
    recorder = Recorder()
    with pytest.raises(OSError, match="the index is gone"):
        wrap(Raising(), policy=name).invoke(QUERY, {"callbacks": [recorder]})
    assert [kind for kind, _ in recorder.events] == ["start", "start", "error", "error"]


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


# Promise 12: nothing is shared between requests, and the loop is never blocked


def queries(n):
    return [
        QUERY if i % 3 == 0 else DOCUMENTS[i % 20].page_content if i % 3 == 1 else f"where is {i}" for i in range(n)
    ]


@pytest.mark.parametrize("name", ["store", "bm25", "in_memory"])
def test_threads_and_tasks_give_what_one_after_the_other_gives(name):
    decisions, lock = [], threading.Lock()

    def sink(decision):
        with lock:
            decisions.append(decision)

    wrapped = wrap(ATTACKED[name], sinks=[sink])
    asked = queries(200)
    expected = [fields(wrapped.invoke(query)) for query in asked]

    async def tasks():
        calls = (wrapped.ainvoke(q, {"configurable": {"client_id": str(i)}}) for i, q in enumerate(asked))
        return await asyncio.gather(*calls)

    with ThreadPoolExecutor(32) as pool:
        assert [fields(served) for served in pool.map(wrapped.invoke, asked)] == expected
    assert [fields(served) for served in asyncio.run(tasks())] == expected
    assert len({d.id for d in decisions}) == 600
    clients = {d.request.client_id: d.request.query for d in decisions[400:]}
    assert clients == {str(i): query for i, query in enumerate(asked)}


@pytest.mark.parametrize("slow", ["defense", "policy", "base", "sink"])
async def test_the_event_loop_goes_on(plug, slow):
    def sleeping(*_):
        time.sleep(0.3)

    def select(evidence):
        if slow == "defense":
            sleeping()
        return Selection.all_of(evidence)

    class Base(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            if slow == "base":
                sleeping()
            return DOCUMENTS[:4]

    def early(*_):
        if slow == "policy":
            sleeping()
        return DefensePlan()

    plug("watched", select)
    sinks = [sleeping] if slow == "sink" else []
    wrapped = wrap(Base(), policy=policy(early, plan("watched")), sinks=sinks)
    task = asyncio.create_task(wrapped.ainvoke(QUERY))
    ticks = 0
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert len(await task) == 4
    assert ticks >= 8  # a blocked loop ticks two or three times


# Promise 13: bad input


@pytest.mark.parametrize("query", ["", "  \n", 7, None, "x" * 1_000_001])
@pytest.mark.parametrize("name", ["none", "rules"])
def test_bad_queries(query, name):
    wrapped = wrap(Ranked(docs=DOCUMENTS), policy=name)
    with pytest.raises(DataError, match="query"):
        wrapped.invoke(query)
    with pytest.raises(DataError, match="query"):
        asyncio.run(wrapped.ainvoke(query))


@pytest.mark.parametrize("query", ["\x00\x1b[2J", "\ud800", "‮abc", "word " * 40_000])
def test_hostile_queries_are_served(query):
    decisions = []
    assert len(wrap(Ranked(docs=DOCUMENTS), sinks=[decisions.append]).invoke(query)) == 4
    json.dumps(decisions[0].record(), allow_nan=False)


@pytest.mark.parametrize("k", [0, -1, 10_001, 2.5, "3", True])
def test_bad_numbers(k):
    with pytest.raises(ConfigurationError, match="k = "):
        wrap(Ranked(docs=DOCUMENTS), k=k)
    with pytest.raises(ConfigurationError, match="k = "):
        DefendedRetriever(base=Ranked(docs=DOCUMENTS), k=k)
    wrapped = wrap(Ranked(docs=DOCUMENTS))
    with pytest.raises(DataError, match="k must be"):
        wrapped.invoke(QUERY, k=k)
    with pytest.raises(DataError, match="k must be"):
        asyncio.run(wrapped.ainvoke(QUERY, k=k))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "ruls"}, "unknown policy 'ruls'; did you mean 'rules'"),
        ({"policy": 42}, "policy"),
        ({"polisy": "rules"}, "unknown option 'polisy'; did you mean 'policy'"),
        ({"attach": "everything"}, "attach"),
        ({"on_error": "panic"}, "on_error"),
        ({"embeddings": "a model"}, "embeddings"),
        ({"sinks": 3}, "sinks"),
        ({"clock": 3}, "clock"),
    ],
)
def test_bad_options(options, said):
    for make in (wrap, lambda base, **more: DefendedRetriever(base=base, **more)):
        with pytest.raises(ConfigurationError, match=said):
            make(Ranked(docs=DOCUMENTS), **options)


@pytest.mark.parametrize("base", [None, "store", 3, DOCUMENTS])
def test_bad_bases(base):
    with pytest.raises(ConfigurationError, match="cannot wrap"):
        wrap(base)
    with pytest.raises(ConfigurationError):
        DefendedRetriever()


def test_files_that_are_not_there(tmp_path):
    for options in ({"profile": tmp_path / "none"}, {"models": tmp_path / "none.json"}):
        with pytest.raises(SentinelError):
            wrap(Ranked(docs=DOCUMENTS), **options)


def test_it_may_be_wrapped_again():
    inner = wrap(Ranked(docs=planted(0)))
    assert fields(wrap(inner, policy="none").invoke(QUERY)) == fields(inner.invoke(QUERY))
    assert len(wrap(inner, k=2).invoke(QUERY)) == 2


def test_a_shadow_charges_nobody_s_budget():
    resources = Resources()
    for shadow in (False, True):
        engine = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), resources=resources, shadow=shadow)._runtime.engine
        assert (engine.resources.ledger is resources.ledger) is not shadow
        assert engine.resources.random is resources.random
