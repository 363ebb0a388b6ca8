"""Another configuration for both halves at once: no answer is given under two, and a bad one changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from sentinel import ConfigurationError, SentinelError
from strategist import DefendedRAG, DefendedRetriever
from strategist import rag as module
from strategist.configuration import SentinelConfig
from tests.strategist.rag_world import ANSWER, CALLER, Redact, Scripted, Twice, rag
from tests.strategist.reloading import Decisions, hammered
from tests.strategist.world import QUERY, Ranked, corpus

DOCUMENTS = corpus()
NUMBERS = range(1, 9)


def config(number=1, answer=None, **changes):
    """A configuration whose k, policy, longest answer and defenses all follow from one number."""
    half = {
        "max_tokens": number,
        "answer_defenses": [{"name": "canary_check", "parameters": {"canaries": [f"canary number {number}"]}}],
        "prompt_defenses": ["spotlight"] if number % 2 else [],
    }
    policy = {"name": "rules", "parameters": {"run": 20 + number}} if number % 4 else "none"
    return SentinelConfig(**{"policy": policy, "k": number, "answer": {**half, **(answer or {})}, **changes})


def built(config, base=None, generator=None, **given):
    return DefendedRAG.from_config(base or Ranked(docs=DOCUMENTS), config, generator or Scripted(), **given)


class Marking(Scripted):
    """Answers with as many canaries as there are configurations, and with the limit that it was given."""

    def _answered(self, prompt, max_tokens):
        return f"{max_tokens}: " + "; ".join(f"canary number {number}" for number in NUMBERS)


def test_no_answer_mixes_two_configurations():
    configs = [config(number) for number in NUMBERS]
    generator, base, decisions = Marking(), Ranked(docs=DOCUMENTS), Decisions()
    known = {}
    for one in configs:
        chain = built(one, base, generator)
        known[chain.retriever.config_hash, chain.config_hash] = one.k
    assert len({first for first, _ in known}) == len({second for _, second in known}) == len(configs)

    made = built(configs[0], base, generator, sinks=[decisions])
    answers = hammered(made, configs, decisions, lambda d: d.answer.config, reloads=32, threads=3, tasks=4)
    assert len(decisions) == len(answers)
    by_id = {decision.id: decision for decision in decisions}
    met = set()
    for answer in answers:
        decision = by_id[answer["decision_id"]]
        number = known[decision.config_hash, decision.answer.config]
        met.add(number)
        assert len(answer["context"]) == decision.request.k == number
        assert answer["answer"].startswith(f"{number}: ")
        assert f"canary number {number}" not in answer["answer"]
        assert decision.answer.prompt == (("spotlight",) if number % 2 else ())
    assert met == set(NUMBERS)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_request_ends_under_what_it_began_with(streamed):
    """The configuration changes between retrieval and prompt, where both halves meet."""
    made = built(config(3), generator=Marking())
    before = made.retriever.config_hash, made.config_hash
    decisions = []
    made.retriever._given["sinks"] = (decisions.append,)
    made.reload(config(3))

    class Meanwhile(BaseCallbackHandler):
        def on_retriever_end(self, documents, **kwargs):
            made.reload(config(2))

    run = {"callbacks": [Meanwhile()]}
    if streamed:
        answer = "".join(part.get("answer", "") for part in made.stream(QUERY, run))
    else:
        answer = made.invoke(QUERY, run)["answer"]
    assert answer.startswith("3: ")
    assert made.invoke(QUERY)["answer"].startswith("2: ")
    old, new = decisions
    assert (old.config_hash, old.answer.config) == before
    assert (new.config_hash, new.answer.config) == (made.retriever.config_hash, made.config_hash) != before


BAD = ["polciy: rules", "k: 0", "models: gone.json", "answer: {generator: ./gone}", "answer: {max_tokens: 0}"]


@pytest.mark.parametrize("text", [*BAD, "answer: {generation: sdag}", "answer: {answer_defenses: [spotlight]}", "k: ["])
def test_a_bad_configuration_leaves_the_old_one(tmp_path, text):
    (tmp_path / "model").mkdir()
    made = built(config(3))
    made._given.clear()  # as if the file had named the generator
    halves, shown = made._halves, {name: made.__dict__[name] for name in type(made).model_fields}
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SentinelError):
        made.reload(tmp_path / "bad.yaml")
    assert made._halves is halves
    assert all(made.__dict__[name] is value for name, value in shown.items())
    assert len(made.invoke(QUERY)["context"]) == 3


def test_what_is_shown_is_what_is_in_force():
    made = built(config(3, answer={"on_error": "closed", "no_context": "decline"}))
    made.reload(SentinelConfig(policy="none", answer={"template": {"not_found": "No."}}))
    assert (made.max_tokens, made.on_error, made.no_context, made.prompt_defenses) == (None, None, "ask", ())
    assert (made.template.not_found, made.retriever.policy.manifest.name) == ("No.", "none")
    assert made.health() == made.retriever.health()
    fresh = built(SentinelConfig(policy="none", answer={"template": {"not_found": "No."}}))
    assert (made.config_hash, made.retriever.config_hash) == (fresh.config_hash, fresh.retriever.config_hash)


# What outlives a reload


def test_the_file_s_generator_stays_while_its_name_does(monkeypatch):
    loaded = []

    def load(spec):
        if not isinstance(spec, str):
            return spec
        loaded.append(spec)
        return Scripted()

    monkeypatch.setattr(module, "_generator", load)
    made = DefendedRAG.from_config(Ranked(docs=DOCUMENTS), config(1, answer={"generator": "org/one"}))
    first = made.generator
    made.reload(config(2, answer={"generator": "org/one"}))
    assert made.generator is first
    copy = made.model_copy(update={"max_tokens": 5})
    copy.reload(config(3, answer={"generator": "org/one"}))
    assert copy.generator is first
    made.reload(config(3, answer={"generator": "org/two"}))
    assert made.generator is not first
    assert loaded == ["org/one", "org/two"]
    with pytest.raises(ConfigurationError, match="generator is missing"):
        made.reload(config(4))


def test_what_python_gave_stays():
    generator, decisions = Scripted("a secret"), []
    made = rag(generator, answer_defenses=[Redact()], generation=None, max_tokens=7, sinks=[decisions.append])
    for number in (1, 2):
        made.reload(SentinelConfig(k=number, answer={"generator": "local", "max_tokens": number}))
        assert made.invoke(QUERY)["answer"] == "a *"
    assert made.generator is generator
    assert generator.limits == [1, 2]
    assert len(decisions) == 2
    with pytest.raises(ConfigurationError, match="answer_defenses is given in Python and in the configuration"):
        made.reload(config(1))
    bare = made.model_copy(update={"answer_defenses": [], "generation": Twice()})
    bare.reload(config(3))
    assert bare.invoke(QUERY)["answer"] == "1 of 3"


@pytest.mark.parametrize("url", [None, "memory:", "sqlite"])
def test_history_and_ledger_stay_while_their_url_does(tmp_path, url):
    url = f"sqlite:///{tmp_path}/s.db" if url == "sqlite" else url
    made = built(config(1, state=url))
    made.invoke(QUERY, CALLER)
    history, ledger, trust = made.retriever.history, made.retriever.resources.ledger, trust_of(made)
    for number in (2, 3):
        made.reload(config(number, state=url))
        assert made.retriever.history is history
        assert made.retriever.resources.ledger is ledger
        assert trust_of(made) is trust
        assert made.invoke(QUERY, CALLER)["answer"] == ANSWER
    made.reload(config(3, state=f"sqlite:///{tmp_path}/other.db"))
    assert made.retriever.history is not history


def trust_of(chain):
    return chain.retriever._runtime.engine.trust


def test_a_retriever_given_in_python_stays_as_it_is():
    given = DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), k=3)
    made = rag(retriever=given)
    before = given.config_hash
    made.reload(config(2))
    assert (len(given.invoke(QUERY)), len(made.invoke(QUERY)["context"])) == (3, 2)
    assert given.config_hash == before
    assert made.retriever.history is given.history


def test_reloads_at_once_leave_one_whole_configuration():
    made = built(config(1))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda turn: made.reload(config(1 + turn % 8)), range(48)))
    fresh = built(config(made.retriever.k))
    assert (made.config_hash, made.retriever.config_hash) == (fresh.config_hash, fresh.retriever.config_hash)
    assert made.max_tokens == made.retriever.k
