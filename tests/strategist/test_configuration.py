"""One configuration for the whole runtime: refused in one line with the place, never with a secret, and hashed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from sentinel import ConfigurationError, DataError, SentinelError
from sentinel.threat_models import shipped_models
from strategist import DefendedRetriever, FailureMode
from strategist.configuration import SentinelConfig
from strategist.decision import text_hash
from strategist.sinks import JsonlSink, LoggingSink, OpenTelemetrySink, read_decisions
from strategist.state import State, memory_state
from tests.strategist.config_files import DOCUMENTS, assert_refused, wrapped, written
from tests.strategist.world import QUERY, Ranked, planted


@pytest.fixture
def write(tmp_path):
    return partial(written, tmp_path)


EVERYTHING = """
policy:
  name: rules
  parameters: {run: 30, overfetch: 2}
k: 3
on_error: closed
shadow: false
sample: 1.0
attach: none
models: models.json
prevalence: 0.02
exact: true
state: sqlite:///state.db
hash_key: ${TEST_HASH_KEY}
sinks:
  - {kind: jsonl, path: decisions.jsonl, daily: true, backups: 3}
  - {kind: logging, logger: mine}
  - {kind: otel}
resilience: {failures: 9, cooldown_s: 5}
allow: allowed.txt
callers:
  tenant: main
  trust: 0.25
  tenants:
    research: {trust: 0.9, k: 2}
"""


@pytest.fixture
def everything(write, monkeypatch):
    monkeypatch.setenv("TEST_HASH_KEY", "a secret")
    write(shipped_models().dumps(), "models.json")
    write("# nothing yet\n", "allowed.txt")
    return write(EVERYTHING)


def test_every_key_reaches_the_retriever(everything, tmp_path):
    decisions = []
    made = wrapped(everything, sinks=[decisions.append])
    assert [type(sink) for sink in made.sinks[:3]] == [JsonlSink, LoggingSink, OpenTelemetrySink]
    assert (made.sinks[0].path, made.sinks[0].daily, made.sinks[0].backups) == (tmp_path / "decisions.jsonl", True, 3)
    assert made.sinks[1].logger.name == "mine"
    assert made.policy.run == 30
    assert (made.on_error, made.attach, made.exact) == (FailureMode.CLOSED, "none", True)
    assert made.models == tmp_path / "models.json"
    assert made.resilience.failures == 9
    assert isinstance(made.state, State)
    assert made.history is made.state.history
    assert made.resources.ledger is made.state.ledger
    assert (tmp_path / "state.db").exists()
    assert made._runtime.engine.sentinel.models.prevalence == 0.02
    assert len(made.invoke(QUERY)) == 3
    assert len(made.invoke(QUERY, {"configurable": {"tenant": "research"}})) == 2
    assert len(made.invoke(QUERY, {"configurable": {"tenant": "research"}}, k=1)) == 1
    requests = [decision.request for decision in decisions]
    assert [(r.tenant, r.trust) for r in requests] == [("main", 0.25), ("research", 0.9), ("research", 0.9)]
    record = next(read_decisions(tmp_path / "decisions.jsonl"))
    assert record["hash"] == "hmac-sha256"
    assert record["query"] == text_hash(QUERY, b"a secret") != text_hash(QUERY)
    assert record["config"] == made.config_hash
    made.state.close()


def test_what_the_caller_says_stands(everything):
    decisions = []
    made = wrapped(everything, sinks=[decisions.append])
    made.invoke(QUERY, {"configurable": {"tenant": "other", "trust": 0.5}})
    assert (decisions[0].request.tenant, decisions[0].request.trust) == ("other", 0.5)
    made.state.close()


def test_an_empty_file_and_no_argument_are_the_defaults(write):
    assert SentinelConfig.load(write("")) == SentinelConfig() == SentinelConfig.load(write("# only words\n"))
    base = Ranked(docs=DOCUMENTS)
    assert wrapped(SentinelConfig(), base).config_hash == DefendedRetriever.wrap(base).config_hash


def test_python_and_yaml_say_the_same(write):
    built = SentinelConfig(policy={"name": "rules", "parameters": {"run": 30}}, k=3, sinks=[{"kind": "logging"}])
    text = "policy: {name: rules, parameters: {run: 30}}\nk: 3\nsinks: [{kind: logging}]\n"
    assert SentinelConfig.load(write(text)) == built
    with pytest.raises(ValueError, match="frozen"):
        built.k = 4


WRONG = [
    ("k: 3\npolciy: rules", "2: unknown key 'polciy'; did you mean 'policy'?"),
    ("policy:\n  name: ruls", "2: unknown policy 'ruls'; did you mean 'rules'?"),
    ("policy: ruls", "1: unknown policy 'ruls'"),
    ("policy:\n  name: rules\n  parameters:\n    rnu: 3", "4: unknown parameter of policy rules 'rnu'; did you mean"),
    ("policy:\n  name: rules\n  parameters: {run: 1}", "3: policy rules: run = 1: "),
    ("policy:\n  nme: rules", "2: unknown key of policy 'nme'; did you mean 'name'?"),
    ("sinks:\n  - kind: jsonl\n    pth: x", "3: unknown key of sinks.0 'pth'; did you mean 'path'?"),
    ("sinks:\n  - kind: logging\n  - kind: jsonl", "3: sinks.1.path is missing"),
    ("sinks:\n  - kind: josnl", "2: unknown kind of sink 'josnl'; did you mean 'jsonl'?"),
    ("sinks:\n  - path: x", "2: sinks.0.kind is missing"),
    ("resilience:\n\n  coldown_s: 3", "3: unknown key of resilience 'coldown_s'; did you mean 'cooldown_s'?"),
    (
        "callers:\n  tenants:\n    a:\n      trsut: 1",
        "4: unknown key of callers.tenants.a 'trsut'; did you mean 'trust'",
    ),
    ("callers:\n  tenants:\n    a: {trust: 3}", "3: callers.tenants.a.trust = 3: "),
    ("sample: 1.01", "1: sample = 1.01: "),
    ("sample: -0.1", "1: sample = -0.1: "),
    ("sample: .nan", "1: sample = nan: "),
    ("embeddings: ''", "1: embeddings = '': "),
    ("prevalence: 1", "1: prevalence = 1: "),
    ("k: 0", "1: k = 0: "),
    ("k: five", "1: k = 'five': "),
    ("on_error: panic", "1: on_error = 'panic': "),
    ("attach: everything", "1: attach = 'everything': "),
    ("k: 1\nk: 2", "2: 'k' stands there twice"),
    ("callers: &a {}\nresilience: *a", "2: aliases are not read"),
    ("k: [", "1: not YAML"),
    ("\tk: 1", "1: not YAML"),
    ("k: 1\n---\nk: 2", "2: not YAML"),
    ("state: !!python/object/apply:os.getcwd []", "1: state: "),
    ("models: !!python/name:os.getcwd ''", "1: not YAML"),
    ("? [a]\n: 1", "1: a key must be a word"),
    ("models: ${HOME}", "1: models: environment variables are read in state and hash_key only"),
    ("k: 1\nstate: redis://${TEST_NOT_SET}@host", "2: state: the environment variable TEST_NOT_SET is not set"),
    ("hash_key: ${no-name}", "1: hash_key: '${' begins no"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line_with_its_place(write, text, said):
    assert_refused(write(text), said)


@pytest.mark.parametrize("text", ["- 1", "word", "3", "[" * 20_000, "# word\n" * 30_001, "\x00", "k: 2024-99-99"])
def test_what_is_no_configuration(write, text):
    with pytest.raises(ConfigurationError):
        SentinelConfig.load(write(text))


def test_files_that_are_not_there(tmp_path, write):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SentinelConfig.load(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SentinelConfig.load(tmp_path / "bytes.yaml")
    for key in ("profile", "models", "allow"):
        with pytest.raises(SentinelError, match="gone"):
            wrapped(write(f"{key}: gone"))
    with pytest.raises(ConfigurationError, match="folder"):
        wrapped(write("sinks: [{kind: jsonl, path: gone/decisions.jsonl}]"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"polcy": 1}, "unknown key 'polcy'; did you mean 'policy'"),
        ({"k": 0}, "k = 0"),
        ({"policy": "ruls"}, "unknown policy 'ruls'"),
        ({"policy": {"name": "rules", "parameters": {"rnu": 1}}}, "unknown parameter of policy rules 'rnu'"),
        ({"sinks": [{"kind": "jsonl", "pth": "x"}]}, "unknown key of sinks.0 'pth'"),
    ],
)
def test_mistakes_in_python(options, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        SentinelConfig(**options)


def test_secrets_show_nowhere(write, monkeypatch):
    monkeypatch.setenv("TEST_PASSWORD", "hunter2")
    config = SentinelConfig.load(write("state: redis://u:${TEST_PASSWORD}@h\nhash_key: ${TEST_PASSWORD}"))
    assert config.state.get_secret_value() == "redis://u:hunter2@h"
    assert "hunter2" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    for text in ("state: [hunter2]", "state: {hunter2: 1}", "hash_key: [hunter2]", "state: hunter2: [", "[hunter2"):
        with pytest.raises(ConfigurationError) as error:
            SentinelConfig.load(write(text))
        assert "hunter2" not in str(error.value)
    made = wrapped(SentinelConfig(hash_key="hunter2"))
    assert "hunter2" not in repr(made)


def test_paths_count_from_the_file(tmp_path, write):
    (tmp_path / "model").mkdir()
    text = "models: a/m.json\nprofile: /b\ncalibration: ../c\nembeddings: model\nstate: sqlite:///s.db\n"
    config = SentinelConfig.load(write(text))
    assert (config.models, config.profile) == (tmp_path / "a/m.json", Path("/b"))
    assert config.calibration == tmp_path / "../c"
    assert config.embeddings == str(tmp_path / "model")
    assert config.state.get_secret_value() == f"sqlite:///{tmp_path}/s.db"
    assert SentinelConfig.load(write("state: sqlite:////s.db")).state.get_secret_value() == "sqlite:////s.db"
    assert SentinelConfig.load(write("embeddings: org/name@v1")).embeddings == "org/name@v1"
    assert SentinelConfig(models="a/m.json").models == Path("a/m.json")


def test_the_embedding_model_is_found_and_not_loaded():
    made = SentinelConfig(embeddings="local").options()["embeddings"]
    assert made.source == "local"
    assert made._loaded is None
    with pytest.raises(ConfigurationError, match="no embedding model at"):
        SentinelConfig(embeddings="./gone").options()


def test_python_s_options_come_on_top_and_contradict_nothing(write):
    models = shipped_models()
    assert wrapped(SentinelConfig(k=2), models=models).models is models
    with pytest.raises(ConfigurationError, match="models is given in Python and in the configuration"):
        wrapped(write("models: m.json"), models=models)
    with pytest.raises(ConfigurationError, match="unknown option 'modles'"):
        wrapped(SentinelConfig(), modles=models)


def test_state_takes_the_place_of_history_and_ledger():
    state = memory_state()
    made = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), state=state)
    assert made.history is state.history
    assert made._runtime.engine.history is state.history
    assert made._runtime.engine.resources.ledger is state.ledger
    assert isinstance(DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), state="memory:").state, State)
    with pytest.raises(ConfigurationError, match="state or history, not both"):
        DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), state=state, history=None)
    for wrong in ("nowhere:", 3):
        with pytest.raises(ConfigurationError, match="state"):
            DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), state=wrong)


def test_bad_files_are_data_errors(write):
    write("{}", "models.json")
    with pytest.raises(DataError, match=r"models\.json"):
        wrapped(write("models: models.json"))


# Setting and copying


def test_a_retriever_in_use_is_not_changed_in_part():
    made = DefendedRetriever.wrap(Ranked(docs=planted(0)), k=3)
    for name, value in {"k": 2, "policy": "none", "sinks": (), "shadow": True}.items():
        with pytest.raises(ConfigurationError, match="reload"):
            setattr(made, name, value)
    copy = made.model_copy(update={"k": 2})
    assert (len(copy.invoke(QUERY)), len(made.invoke(QUERY))) == (2, 3)
    assert copy.history is made.history
    assert made.model_copy()._runtime is made._runtime
    made.tags = ["mine"]


def test_a_copy_can_be_reloaded_as_what_it_was_copied_from(everything):
    made = wrapped(everything)
    copy = made.model_copy(update={"k": 1, "clock": lambda: 7.0})
    copy.reload(everything)
    assert (copy.k, copy.clock()) == (3, 7.0)
    assert copy.state is made.state, "its url is the same"
    assert copy.config_hash == made.config_hash
    made.state.close()
