"""Who asks and what happened: it reaches the decision, and callbacks as far as it may."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough

from sentinel import ConfigurationError, DataError
from strategist import retriever
from strategist.decision import text_hash
from tests.strategist.retriever_bases import ATTACKED, CALLER, DOCUMENTS, wrap
from tests.strategist.world import QUERY, Raising, Ranked, fields, in_memory, planted

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
