"""Another configuration in force, all of it at once: no request sees halves of two, and a bad one changes nothing."""

from __future__ import annotations

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sentinel import ConfigurationError, SentinelError
from sentinel.history import MemoryHistory, client_key
from sentinel.threat_models import shipped_models
from strategist import DefendedRetriever
from strategist.configuration import SentinelConfig
from strategist.decision import text_hash
from tests.strategist.reloading import Decisions, hammered
from tests.strategist.world import QUERY, Ranked, corpus, faiss, planted

DOCUMENTS = corpus()


def config(number=1, **changes):
    """A configuration whose k, policy, parameter and prevalence all follow from one number."""
    policy = {"name": "rules", "parameters": {"run": 20 + number}} if number % 4 else "none"
    options = {"policy": policy, "k": number, "hash_key": f"key {number}", "callers": {"trust": number / 10}}
    return SentinelConfig(**{**options, **changes})


def number_of(decision):
    """Which configuration a decision's parts belong to, by each of them."""
    key = decision.hash_key.decode()
    return {decision.request.k, round(decision.request.trust * 10), int(key.removeprefix("key "))}


NUMBERS = range(1, 9)


@pytest.mark.parametrize("base", ["ranked", "store"])
def test_no_request_mixes_two_configurations(base):
    documents = planted(0, 2)
    base = Ranked(docs=documents) if base == "ranked" else faiss(documents)
    configs = [config(number) for number in NUMBERS]
    hashes = {DefendedRetriever.from_config(base, one).config_hash: one for one in configs}
    assert len(hashes) == len(configs)
    decisions = Decisions()
    made = DefendedRetriever.from_config(base, configs[0], sinks=[decisions])
    served = hammered(made, configs, decisions, lambda d: d.config_hash, reloads=40, threads=4, tasks=8)
    assert len(decisions) == len(served)
    assert {d.config_hash for d in decisions} == set(hashes)  # the hammering met them all
    for decision in decisions:
        one = hashes[decision.config_hash]
        assert number_of(decision) == {one.k}
        assert decision.policy == one.policy.name
        assert decision.mode == ("passive" if one.policy.name == "none" else "enforced")
        assert len(decision.served) == one.k
        hidden = {d.parameters["run"] for d in decision.plan.defenses if d.name == "hide_probed"}
        assert hidden <= {one.policy.parameters.get("run")}


def test_a_request_ends_under_what_it_began_with():
    """The base is in the middle of its search while the configuration changes."""
    searching, go_on = threading.Event(), threading.Event()

    class Slow(Ranked):
        def _get_relevant_documents(self, query, *, run_manager):
            searching.set()
            assert go_on.wait(20)
            return self.docs[: self.k]

    old, new = [], []
    made = DefendedRetriever.from_config(Slow(docs=DOCUMENTS), config(3), sinks=[old.append])
    before = made.config_hash
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(made.invoke, QUERY)
        assert searching.wait(20)
        made._given["sinks"] = [new.append]
        made.reload(config(2))
        go_on.set()
        assert len(asked.result()) == 3
    assert [d.config_hash for d in old] == [before]
    assert new == []
    assert len(made.invoke(QUERY)) == 2
    assert [d.config_hash for d in new] == [made.config_hash] != [before]


BAD = ["polciy: rules", "k: 0", "models: gone.json", "profile: gone", "sinks: [{kind: jsonl, path: gone/x}]", "k: ["]


@pytest.mark.parametrize("text", [*BAD, "state: nowhere:", "hash_key: ${TEST_NOT_SET}", "embeddings: ./gone"])
def test_a_bad_configuration_leaves_the_old_one(tmp_path, text):
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(3))
    runtime, shown = made._runtime, {name: made.__dict__[name] for name in type(made).model_fields}
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SentinelError):
        made.reload(tmp_path / "bad.yaml")
    assert made._runtime is runtime
    assert all(made.__dict__[name] is value for name, value in shown.items())
    assert len(made.invoke(QUERY)) == 3


def test_what_is_shown_is_what_is_in_force(tmp_path):
    path = tmp_path / "sentinel.yaml"
    path.write_text("k: 3\non_error: closed\nsample: 0.5\n")
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), path)
    path.write_text("policy: none\n")
    made.reload(path)
    assert (made.k, made.on_error, made.sample, made.policy.manifest.name) == (None, "degrade", 1.0, "none")
    assert made.config_hash == DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), policy="none").config_hash
    assert made.model_copy(update={"k": 2}).config_hash != made.config_hash


# What outlives a reload


def seen(history):
    return history.load(client_key(None, "c"), 1e12)


CALLER = {"configurable": {"client_id": "c"}}


@pytest.mark.parametrize("url", [None, "memory:", "sqlite"])
def test_history_and_ledger_stay_while_their_url_does(tmp_path, url):
    url = f"sqlite:///{tmp_path}/s.db" if url == "sqlite" else url
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(1, state=url))
    made.invoke(QUERY, CALLER)
    state, history, ledger = made.state, made.history, made.resources.ledger
    made.reload(config(2, state=url))
    assert made.state is state
    assert made.history is history
    assert made._runtime.engine.history is history
    assert made._runtime.engine.resources.ledger is ledger
    made.reload(config(3, state=f"sqlite:///{tmp_path}/other.db"))
    assert made.history is not history
    assert made._runtime.engine.history is made.history
    other = made.history
    made.reload(config(1))
    assert made.state is None
    assert made.history is not other
    assert made._runtime.engine.history is made.history


def test_what_python_gave_stays():
    history, decisions, models = MemoryHistory(), [], shipped_models()
    made = DefendedRetriever.wrap(
        Ranked(docs=DOCUMENTS), history=history, sinks=[decisions.append], models=models, clock=lambda: 7.0, k=9
    )
    for number in (2, 3):
        made.reload(config(number))
        assert len(made.invoke(QUERY)) == number
    assert made.history is history
    assert made.models is models
    assert [d.request.time for d in decisions] == [7.0, 7.0]
    with pytest.raises(ConfigurationError, match="models is given in Python and in the configuration"):
        made.reload(config(1, models="m.json"))


def test_trust_stays_where_it_was_before_a_state_came_and_went():
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(1))
    made.reload(config(2, state="memory:"))
    made.reload(config(3))
    trust = made._runtime.engine.trust
    for number in (5, 6):
        made.reload(config(number))
        assert made._runtime.engine.trust is trust


def test_another_under_a_configuration_leaves_the_first_as_it_is():
    decisions = []
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(3))
    made.tags = ["mine"]
    before, runtime = made.config_hash, made._runtime
    other = made.renewed(config(2), {"sinks": [decisions.append]})
    assert (len(made.invoke(QUERY)), len(other.invoke(QUERY))) == (3, 2)
    assert made._runtime is runtime
    assert [d.config_hash for d in decisions] == [other.config_hash] != [before]
    assert other.history is made.history
    assert other._runtime.engine.trust is made._runtime.engine.trust
    assert other.tags == ["mine"]


def test_a_state_that_python_opened_stays(tmp_path):
    for state in ("memory:", f"sqlite:///{tmp_path}/s.db"):
        made = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), state=state)
        opened = made.state
        made.reload(config(2))
        made.reload(config(3))
        assert made.state is opened
        assert made.history is opened.history


def test_a_shadow_s_own_books_stay():
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(1, shadow=True))
    books = made._runtime.engine.resources.ledger
    assert books is not made.resources.ledger
    made.reload(config(2, shadow=True))
    assert made._runtime.engine.resources.ledger is books
    made.reload(config(3))
    assert made._runtime.engine.resources.ledger is made.resources.ledger


def test_reloading_leaks_no_files(tmp_path):
    sinks = [{"kind": "jsonl", "path": tmp_path / "d.jsonl"}]
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(1, sinks=sinks))

    def open_files():
        made.invoke(QUERY)
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    for number in NUMBERS:
        made.reload(config(number, sinks=sinks))
        assert open_files() <= before
    assert (tmp_path / "d.jsonl").read_text().count("\n") == 1 + len(NUMBERS)


def test_reloads_at_once_leave_one_whole_configuration():
    made = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(1))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda turn: made.reload(config(1 + turn % 8)), range(64)))
    runtime = made._runtime
    fresh = DefendedRetriever.from_config(Ranked(docs=DOCUMENTS), config(runtime.k))
    assert made.config_hash == fresh.config_hash
    assert made.k == runtime.k


def test_the_key_of_the_hashes_is_the_request_s_own():
    records = []
    made = DefendedRetriever.from_config(
        Ranked(docs=DOCUMENTS), config(1), sinks=[lambda decision: records.append(decision.record())]
    )
    made.invoke(QUERY)
    made.reload(config(2))
    made.invoke(QUERY)
    assert [r["query"] for r in records] == [text_hash(QUERY, b"key 1"), text_hash(QUERY, b"key 2")]
