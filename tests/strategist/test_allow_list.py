"""False alarms: what is looked up, how entries come about, and what the engine makes of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from defenses import Resources, Selection
from sentinel import ConfigurationError, DataError, Request, Sentinel, ThreatModels
from sentinel.history import MemoryHistory, client_key
from strategist import Decision, DefendedRetriever, DefensePlan, Engine
from strategist.allow_list import AllowEntry, AllowList, document_hash, query_hash
from strategist.decision import text_hash
from strategist.sources import source_for
from tests.strategist.world import QUERY, Ranked, corpus, fields, plan, planted, policy

texts = st.text(min_size=1).filter(str.strip)
keys = st.none() | st.binary(min_size=1, max_size=40)
KEY = b"secret"


def request(query=QUERY, client=None, tenant=None, k=4):
    return Request(query, k, client, tenant, time=0.0)


def record(made, key=None):
    return Decision(made, "rules", "0").record(key=key)


# What is on it


@given(texts, texts, keys)
def test_a_recorded_query_is_that_query_and_no_other(query, other, key):
    allow = AllowList([AllowEntry.of_decision(record(request(query), key))])
    assert allow.allows(request(query, "anybody"), key)
    assert allow.allows(request(other), key) is (other == query)


@given(texts, keys)
def test_a_normalised_query_is_every_spelling_of_it(query, key):
    allow = AllowList([AllowEntry.of_query(query, key)])
    assert allow.allows(request(query), key)
    assert allow.allows(request(f"  {query}\n"), key)


def test_spellings():
    allow = AllowList([AllowEntry.of_query("When does the BRIDGE close?")])
    assert allow.allows(request("when does  the bridge close?"))
    assert allow.allows(request("when does the brіdge close?"))  # a Cyrillic letter
    assert not allow.allows(request("when does the bridge open?"))


@given(texts, texts, keys)
def test_a_client_whatever_it_asks(client, other, key):
    allow = AllowList([AllowEntry.of_client(client, key)])
    assert allow.allows(request("one thing", client), key)
    assert allow.allows(request("another", client, "tenant"), key)
    assert allow.allows(request("one thing", other), key) is (other == client)
    assert not allow.allows(request(client), key)  # an anonymous client that asks its name


@pytest.mark.parametrize("kind", ["query", "client"])
def test_what_comes_from_a_decision_is_its_tenants(kind):
    allow = AllowList([AllowEntry.of_decision(record(request(client="c", tenant="t")), kind)])
    assert allow.allows(request(client="c", tenant="t"))
    assert not allow.allows(request(client="c", tenant="u"))
    assert not allow.allows(request(client="c"))


def test_another_key_is_another_list():
    allow = AllowList([AllowEntry.of_query(QUERY, KEY), AllowEntry.of_client("c", KEY)])
    assert allow.allows(request(), KEY)
    assert not allow.allows(request())
    assert not allow.allows(request("other", "c"))


@given(st.text(), st.text())
def test_a_document_by_its_text(text, other):
    allow = AllowList([AllowEntry.of_document(text)])
    assert allow.spares(text)
    assert allow.spares(other) is (other == text)
    assert not allow.allows(request(text if text.strip() else "x"))


def test_short_hashes_stand_for_no_document():
    """In 64 bits, two texts that agree can be looked for."""
    with pytest.raises(ValidationError):
        AllowEntry(document=document_hash("x")[:16])


def test_a_query_beyond_what_is_normalised_is_only_itself():
    long = "word " * 50_000
    assert query_hash(long) is None
    allow = AllowList([AllowEntry.of_query(long)])
    assert allow.allows(request(long))
    assert not allow.allows(request(long + "more"))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (request(), "client"),
        (request(client="c"), "nothing"),
    ],
)
def test_a_record_that_shows_no_hash(made, kind):
    with pytest.raises(DataError, match="no hash"):
        AllowEntry.of_decision(record(made), kind)


def test_a_record_with_its_text_shows_no_hash():
    with pytest.raises(DataError, match="no hash"):
        AllowEntry.of_decision(Decision(request(), "rules", "0").record(text=True))


@pytest.mark.parametrize("wrong", [{}, {"query": "0" * 16, "client": "0" * 16}, {"query": "0" * 15}, {"client": "x"}])
def test_impossible_entries(wrong):
    with pytest.raises(ValidationError):
        AllowEntry(**wrong)


# Files


@given(st.lists(st.tuples(st.sampled_from(["query", "client", "document"]), texts, st.text()), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_are_read_back(tmp_path, made):
    build = {"query": AllowEntry.of_query, "client": AllowEntry.of_client, "document": AllowEntry.of_document}
    entries = tuple(build[kind](text, note=note) for kind, text, note in made)
    path = tmp_path / "allow.jsonl"
    path.write_text("# false alarms\n\n" + "\n".join(entry.line() for entry in entries), encoding="utf-8")
    assert AllowList.load(path).entries == entries
    assert AllowList.load(path).hash == AllowList(reversed(entries)).hash


def test_yaml_lines(tmp_path):
    path = tmp_path / "allow.yaml"
    path.write_text(
        "query: 1234567890123456  # digits only\nclient: 123456789012e456\n{document: " + document_hash("x") + "}\n"
    )
    allow = AllowList.load(path)
    assert [e.query or e.client or e.document for e in allow.entries] == [
        "1234567890123456",
        "123456789012e456",
        document_hash("x"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("qerry: 1234567890123456", "did you mean 'query'"),
        ("query: short", "query"),
        ("- a list", "mapping"),
        ("just words", "mapping"),
        ("{", "line 2"),
        ("note: nothing else", "exactly one"),
        ("!!python/object:os.system {}", "line 2"),
    ],
)
def test_a_wrong_line_is_told(tmp_path, line, said):
    path = tmp_path / "allow"
    path.write_text("# first\n" + line)
    with pytest.raises(DataError, match="line 2") as caught:
        AllowList.load(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="allow-list"):
        AllowList.load(tmp_path / "none")


# In the engine


def serve(fixed, allow, made, documents, **more):
    engine = Engine(Sentinel(models=ThreatModels()), fixed, Resources(), allow=allow, **more)
    return engine.run(made, source_for(Ranked(docs=documents)))


@pytest.mark.parametrize(
    "entry", [AllowEntry.of_query(QUERY), AllowEntry.of_client("c"), AllowEntry.of_decision(record(request()))]
)
def test_an_allowed_request_is_served_by_the_base_and_recorded(entry):
    documents, history = planted(0, 2), MemoryHistory()
    made = request(client="c" if entry.client else None)
    served, decision = serve(policy(plan("echo_filter")), AllowList([entry]), made, documents, history=history)
    assert [id(d) for d in served] == [id(d) for d in documents[:4]]
    assert (decision.mode, decision.served, decision.fetched) == ("allowed", (0, 1, 2, 3), 4)
    assert not decision.plan.defenses
    state = history.load(client_key(None, made.client_id), 0.0)
    assert state.dump() != MemoryHistory().load("x", 0.0).dump()


def test_what_is_not_allowed_is_defended():
    served, decision = serve(policy(plan("echo_filter")), AllowList([AllowEntry.of_client("c")]), request(), planted(0))
    assert decision.mode == "enforced"
    assert decision.dropped == (0,)
    assert len(served) == 3


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_an_allowed_document_is_never_dropped(dropped, allowed):
    documents = planted(*dropped, size=8)[:6]
    allow = AllowList([AllowEntry.of_document(documents[i].page_content) for i in allowed])
    served, decision = serve(policy(plan("echo_filter")), allow, request(k=6), documents)
    left = [i for i in range(6) if i not in dropped or i in allowed]
    assert decision.served == tuple(left)
    assert fields(served) == fields([documents[i] for i in left])
    assert decision.dropped == tuple(sorted(dropped - allowed))


def test_an_allowed_document_is_not_cut_either(plug):
    plug("cutter", lambda evidence: Selection((0, 1, 2, 3), {}, {0: "cut", 1: "cut"}))
    documents = corpus()
    allow = AllowList([AllowEntry.of_document(documents[0].page_content)])
    served, _ = serve(policy(plan("cutter")), allow, request(), documents)
    assert [d.page_content for d in served[:2]] == [documents[0].page_content, "cut"]


def test_through_the_retriever(tmp_path):
    """From a recorded false alarm to an entry, with hashes that are keyed."""
    decisions = []
    options = {"policy": policy(plan("echo_filter")), "sinks": [decisions.append], "hash_key": "secret"}
    documents = planted(0)
    DefendedRetriever.wrap(Ranked(docs=documents), **options).invoke(QUERY)
    assert decisions[0].dropped == (0,)
    path = tmp_path / "allow.jsonl"
    path.write_text(AllowEntry.of_decision(json.loads(json.dumps(decisions[0].record()))).line())
    wrapped = DefendedRetriever.wrap(Ranked(docs=documents), allow=path, **options)
    assert fields(wrapped.invoke(QUERY)) == fields(documents[:4])
    assert decisions[1].mode == "allowed"
    assert decisions[1].config_hash != decisions[0].config_hash
    assert wrapped.health()["requests"]["allowed"] == 1


def test_a_passive_policy_looks_at_no_list():
    _, decision = serve(policy(passive=True), AllowList([AllowEntry.of_query(QUERY)]), request(), corpus())
    assert (decision.mode, decision.plan) == ("passive", DefensePlan())
    assert text_hash(QUERY) == record(request())["query"]
