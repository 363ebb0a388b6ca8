"""The answer's half of the configuration: refused with its line, every key reaches the chain, and the hash knows it."""

from __future__ import annotations

import re
from functools import partial

import pytest
import yaml
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate

from sentinel import ConfigurationError
from strategist import DefendedRAG, DefendedRetriever, FailureMode, RagTemplate
from strategist.answer_configuration import AnswerSpec
from strategist.configuration import SentinelConfig
from strategist.sinks import read_decisions
from tests.strategist.config_files import assert_refused, example_file, page_example, written
from tests.strategist.rag_world import CALLER, Redact, Scripted
from tests.strategist.world import QUERY, Ranked, corpus

BASE = Ranked(docs=corpus(), k=3)
EVERYTHING = """
policy: rules
k: 2
on_error: open
sinks: [{kind: jsonl, path: decisions.jsonl}]
answer:
  generator: local
  prompt_defenses:
    - spotlight
    - {name: safe_redirect, parameters: {preserve_placeholders: false}}
  generation: reliability_answers
  answer_defenses:
    - name: canary_check
      parameters:
        canaries: [basalt-canary]
    - neutral_phrasing
  template:
    user: "{question}\\n{documents}"
    not_found: Nothing.
  max_tokens: 9
  on_error: closed
  no_context: decline
"""


@pytest.fixture
def write(tmp_path):
    return partial(written, tmp_path)


def names(defenses):
    return [defense.manifest.name for defense in defenses]


def test_every_key_reaches_the_chain(write, tmp_path):
    generator = Scripted("It is a basalt-canary, they say.")
    chain = DefendedRAG.from_config(BASE, write(EVERYTHING), generator)
    assert names(chain.prompt_defenses) == ["spotlight", "safe_redirect"]
    assert not chain.prompt_defenses[1].preserve_placeholders
    assert chain.generation.manifest.name == "reliability_answers"
    assert names(chain.answer_defenses) == ["canary_check", "neutral_phrasing"]
    assert chain.answer_defenses[0].canaries == ("basalt-canary",)
    assert (chain.max_tokens, chain.on_error, chain.no_context) == (9, FailureMode.CLOSED, "decline")
    assert (chain.template.not_found, chain.template.numbered) == ("Nothing.", True)
    assert (chain.retriever.on_error, chain.retriever.policy.manifest.name) == (FailureMode.OPEN, "rules")
    answer = chain.invoke(QUERY, CALLER)
    assert len(answer["context"]) == 2
    assert "canary" not in answer["answer"]
    assert set(generator.limits) == {9}
    (record,) = read_decisions(tmp_path / "decisions.jsonl")
    part = record["answer"]
    assert (record["config"], part["config"]) == (chain.retriever.config_hash, chain.config_hash)
    assert (part["prompt"], part["generation"]) == (["spotlight", "safe_redirect"], "reliability_answers")
    assert [found["defense"] for found in part["findings"]] == ["canary_check", "neutral_phrasing"]
    empty = DefendedRAG.from_config(Ranked(docs=[]), write(EVERYTHING), generator)
    assert empty.invoke(QUERY)["answer"] == "Nothing."


def test_the_generator_of_the_file_and_the_one_that_overrules_it(write, tmp_path):
    (tmp_path / "model").mkdir()
    path = write("answer: {generator: ./model}")
    with pytest.raises(ConfigurationError, match=re.escape(str(tmp_path / "model"))):
        DefendedRAG.from_config(BASE, path)
    model = FakeListChatModel(responses=["At nine."])
    for config in (path, write("answer: {max_tokens: 5}"), write("")):
        chain = DefendedRAG.from_config(BASE, config, generator=model)
        assert chain.invoke(QUERY)["answer"] == "At nine."
        with pytest.raises(ConfigurationError, match="generator is missing: name one under answer"):
            DefendedRAG.from_config(BASE, write("answer: {max_tokens: 5}"))


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ("model", "{folder}/model"),
        ("./gone", "{folder}/gone"),
        ("m.gguf", "{folder}/m.gguf"),
        ("/m", "/m"),
        ("local", "local"),
        ("org/name@v1", "org/name@v1"),
        ("openai:gpt", "openai:gpt"),
        ("ollama:name.gguf", "ollama:name.gguf"),
    ],
)
def test_a_model_on_the_disk_counts_from_the_file_s_folder(write, tmp_path, spec, there):
    for name in ("model", "local"):
        (tmp_path / name).mkdir()
    config = SentinelConfig.load(write(f"embeddings: {spec}\nanswer: {{generator: {spec}}}"))
    expected = there.format(folder=tmp_path)
    assert config.embeddings == expected
    assert config.answer.generator == expected
    assert SentinelConfig(answer={"generator": spec}).answer.generator == spec


def test_a_file_without_it_is_what_it_was(write):
    assert SentinelConfig.load(write("answer: null")) == SentinelConfig() == SentinelConfig.load(write(""))
    chain = DefendedRAG.from_config(BASE, write("k: 2"), Scripted())
    plain = DefendedRAG(retriever=DefendedRetriever.from_config(BASE, write("k: 2")), generator=Scripted())
    assert chain.config_hash == plain.config_hash
    assert chain.retriever.config_hash == plain.retriever.config_hash
    assert DefendedRAG.from_config(BASE, write("answer: {}"), Scripted()).config_hash == plain.config_hash


def test_one_file_serves_a_retriever_too(write):
    shared = "policy: rules\nk: 2\n"
    alone = DefendedRetriever.from_config(BASE, write(shared))
    both = DefendedRetriever.from_config(
        BASE, write(f"{shared}answer: {{generator: local, prompt_defenses: [spotlight]}}")
    )
    assert both.config_hash == alone.config_hash
    assert [d.page_content for d in both.invoke(QUERY)] == [d.page_content for d in alone.invoke(QUERY)]
    with pytest.raises(ConfigurationError, match="did you mean 'spotlight'"):
        DefendedRetriever.from_config(BASE, write(f"{shared}answer: {{prompt_defenses: [spotligt]}}"))


WRONG = [
    ("  generatr: x", "2: unknown key of answer 'generatr'; did you mean 'generator'?"),
    ("  prompt_defences: []", "2: unknown key of answer 'prompt_defences'; did you mean 'prompt_defenses'?"),
    ("  prompt_defenses:\n    - spotligt", "3: unknown prompt defense 'spotligt'; did you mean 'spotlight'?"),
    ("  prompt_defenses:\n    - spotlight\n    - echo_filter", "4: echo_filter works at the stage context, not prompt"),
    ("  generation: sdg", "2: unknown generation defense 'sdg'; did you mean 'sdag'?"),
    ("  generation: leak_guard", "2: leak_guard works at the stage answer, not generation"),
    ("  generation:\n    name: sdag\n    parametrs: {}", "4: unknown key of answer.generation 'parametrs'; did you"),
    ("  generation: {}", "2: answer.generation.name is missing"),
    ("  answer_defenses:\n    - nme: leak_guard", "3: unknown key of answer.answer_defenses.0 'nme'; did you mean"),
    (
        "  answer_defenses:\n    - name: leak_guard\n      parameters:\n        share: 0.5\n        quote_wrds: 3",
        "6: unknown parameter of leak_guard 'quote_wrds'; did you mean 'quote_words'?",
    ),
    (
        "  answer_defenses:\n    - name: leak_guard\n      parameters:\n        share: 0.5\n        quote_words: 3",
        "6: leak_guard.quote_words = 3: Input should be",
    ),
    ("  answer_defenses:\n    - stop_check\n    - name: stop_check", "4: answer_defenses names stop_check twice"),
    ("  answer_defenses: [3]", "2: answer.answer_defenses.0 = 3: "),
    ("  answer_defenses: leak_guard", "2: answer.answer_defenses = 'leak_guard': "),
    ("  template:\n    numbered: true\n    user: x", "4: template.user must hold {documents} and {question}"),
    ("  template:\n    usr: x", "3: unknown key of answer.template 'usr'; did you mean 'user'?"),
    ("  template: {not_found: ' '}", "2: answer.template.not_found = ' ': "),
    ("  max_tokens: 0", "2: answer.max_tokens = 0: "),
    ("  max_tokens: '5'", "2: answer.max_tokens = '5': "),
    ("  no_context: guess", "2: answer.no_context = 'guess': "),
    ("  on_error: panic", "2: answer.on_error = 'panic': "),
    ("  generator: ''", "2: answer.generator = '': "),
    ("  generator: ${HOME}/model", "2: answer.generator: environment variables are read in"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line_with_its_place(write, text, said):
    assert_refused(write(f"answer:\n{text}"), said)


def test_mistakes_in_python():
    for options, said in (
        ({"answer": {"prompt_defenses": ["spotligt"]}}, "did you mean 'spotlight'"),
        ({"answer": {"generatr": "x"}}, "unknown key of answer 'generatr'"),
        ({"answer": {"template": {"user": "x"}}}, "template.user must hold"),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(said)):
            SentinelConfig(**options)
    for options, said in (
        ({"answer_defences": []}, "unknown option 'answer_defences'; did you mean 'answer_defenses'?"),
        ({"resurces": 1}, "unknown option 'resurces'; did you mean 'resources'?"),
        ({"base": BASE}, "unknown option 'base'"),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(said)):
            DefendedRAG.from_config(BASE, SentinelConfig(), Scripted(), **options)


def test_what_only_python_can_give_comes_on_top_and_contradicts_nothing():
    decisions = []
    template = ChatPromptTemplate.from_messages([("human", "{context} {question}")])
    python = {"template": template, "answer_defenses": [Redact()], "sinks": [decisions.append], "clock": lambda: 7.0}
    config = SentinelConfig(answer={"prompt_defenses": ["spotlight"]})
    chain = DefendedRAG.from_config(BASE, config, Scripted(), **python)
    chain.invoke(QUERY)
    (decision,) = decisions
    assert decision.request.time == 7.0
    assert decision.answer.prompt == ("spotlight",)
    assert [found.defense for found in decision.answer.findings] == ["redact"]
    for key, value in (("answer_defenses", ["leak_guard"]), ("template", {"start": "A:"}), ("max_tokens", 3)):
        twice = SentinelConfig(answer={key: value})
        with pytest.raises(ConfigurationError, match=f"{key} is given in Python and in the configuration"):
            DefendedRAG.from_config(BASE, twice, Scripted(), **{"max_tokens": 5, **python})
    with pytest.raises(ConfigurationError, match="k is given in Python and in the configuration"):
        DefendedRAG.from_config(BASE, SentinelConfig(k=2), Scripted(), k=3)


def test_a_retriever_that_is_given_stays_and_shares():
    decisions = []
    given = DefendedRetriever.wrap(BASE, policy="rules", k=3, sinks=[decisions.append])
    before = given.config_hash
    chain = DefendedRAG.from_config(given, SentinelConfig(policy="none", k=1), Scripted(), sinks=[decisions.append])
    assert len(chain.invoke(QUERY)["context"]) == 1
    assert len(decisions) == 2, "the sinks of both"
    assert len(given.invoke(QUERY)) == 3
    assert len(decisions) == 3
    assert given.config_hash == before != chain.retriever.config_hash
    assert chain.retriever.history is given.history


def test_the_hash_tells_every_key_apart():
    changed = [
        {},
        {"prompt_defenses": ["spotlight"]},
        {"prompt_defenses": [{"name": "spotlight", "parameters": {"mode": "encode"}}]},
        {"prompt_defenses": ["spotlight", "self_reminder"]},
        {"prompt_defenses": ["self_reminder", "spotlight"]},
        {"generation": "reliability_answers"},
        {"answer_defenses": ["leak_guard"]},
        {"answer_defenses": [{"name": "leak_guard", "parameters": {"quote_words": 60}}]},
        *({"template": {name: "{question} {documents}!"}} for name in RagTemplate.model_fields if name != "numbered"),
        {"template": {"numbered": False}},
        {"max_tokens": 5},
        {"on_error": "open"},
        {"no_context": "decline"},
    ]
    assert {key for one in changed for key in one} == AnswerSpec.model_fields.keys() - {"generator"}

    def hashed(options):
        decisions = []
        config = SentinelConfig(answer=options)
        chain = DefendedRAG.from_config(BASE, config, Scripted(), sinks=[decisions.append])
        chain.invoke(QUERY)
        assert decisions[0].answer.config == chain.config_hash
        return chain.config_hash

    found = [hashed(options) for options in changed]
    assert len(set(found)) == len(changed)
    assert found == [hashed(options) for options in changed]

    class Other(Scripted):
        name, fingerprint = "scripted", "another"

    assert DefendedRAG.from_config(BASE, SentinelConfig(), Other()).config_hash not in found


# The documentation


def test_the_example_file_says_every_key(write, tmp_path):
    text = example_file()
    said = yaml.safe_load(text)["answer"]
    assert said.keys() == AnswerSpec.model_fields.keys()
    default = AnswerSpec()
    same = {"generation", "template", "max_tokens", "on_error", "no_context"}
    assert all(getattr(SentinelConfig.load(write(text)).answer, name) == getattr(default, name) for name in same)
    chain = DefendedRAG.from_config(BASE, write(text), Scripted())
    assert chain.invoke(QUERY)["answer"]
    chain.retriever.state.close()


def test_the_page_s_example_answers(write, monkeypatch):
    monkeypatch.setenv("SENTINEL_HASH_KEY", "a secret")
    generator = Scripted()
    chain = DefendedRAG.from_config(BASE, write(page_example()), generator)
    assert chain.invoke(QUERY)["answer"]
    assert generator.limits == [200]
    chain.retriever.state.close()
