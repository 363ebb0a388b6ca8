"""Promise 13 of DefendedRetriever: bad input is refused by name, and hostile input is served."""

from __future__ import annotations

import asyncio
import json

import pytest

from sentinel import ConfigurationError, DataError, SentinelError
from strategist import DefendedRetriever
from tests.strategist.retriever_bases import DOCUMENTS, wrap
from tests.strategist.world import QUERY, Ranked


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
