"""One decision over both halves, told once, and no text in it."""

from __future__ import annotations

import asyncio
import json

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel

from strategist import DefendedRetriever, RagTemplate
from strategist.decision import text_hash
from tests.strategist.rag_world import ANSWER, CALLER, Redact, Scripted, rag
from tests.strategist.world import QUERY, Ranked, corpus, planted


def test_one_decision_for_both_halves_after_the_answer():
    order = []

    class Watching(BaseCallbackHandler):
        def on_custom_event(self, name, data, **kwargs):
            order.append(("event", name, data))

    def sink(name):
        return lambda decision: order.append((name, decision.answer.outcome, decision.record()))

    retriever = DefendedRetriever.wrap(Ranked(docs=planted(0), k=3), sinks=[sink("retriever")])
    chain = rag(retriever=retriever, sinks=[sink("chain")])
    generator = chain.generator
    for ask in (
        lambda: chain.invoke(QUERY, {"callbacks": [Watching()], **CALLER}),
        lambda: list(chain.stream(QUERY, {"callbacks": [Watching()], **CALLER})),
        lambda: asyncio.run(chain.ainvoke(QUERY, {"callbacks": [Watching()], **CALLER})),
    ):
        order.clear()
        ask()
        assert [entry[0] for entry in order] == ["event", "retriever", "chain"]
        assert order[0][1] == "sentinel_decision"
        assert order[0][2] == order[1][2] == order[2][2]
        record = order[0][2]
        assert record["plan"], "the first half"
        assert record["answer"]["outcome"] == "answered", "the second half"
        assert record["answer"]["text"] == text_hash(ANSWER)
        assert {"fetch", "prompt", "generate", "total"} <= set(record["milliseconds"])
        text = json.dumps(record, allow_nan=False)
        assert not any(word in text for word in ("harbour", "tonight", "client-77", "tenant-12", " nine", "o'clock"))
    assert len(generator.prompts) == 3


def test_the_retriever_alone_is_as_it_was():
    decisions = []
    retriever = DefendedRetriever.wrap(Ranked(docs=corpus(), k=3), sinks=[decisions.append])
    rag(retriever=retriever).invoke(QUERY)
    retriever.invoke(QUERY)
    both, alone = decisions
    assert both.answer is not None
    assert alone.answer is None
    assert "answer" not in alone.record()


def test_who_asks_reaches_the_decision_and_no_trace():
    seen, decisions = [], []

    class Watching(BaseCallbackHandler):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *arguments, **more: seen.append(repr((name, arguments, more)))
            return super().__getattribute__(name)

    chain = rag(sinks=[decisions.append], generator=FakeListChatModel(responses=[ANSWER]))
    chain.invoke(QUERY, {"callbacks": [Watching()], **CALLER})
    assert decisions[0].request.client_id == "client-77"
    assert decisions[0].request.trust == 0.987654321
    assert len(seen) >= 6
    assert not any("client-77" in trace or "tenant-12" in trace or "0.98765" in trace for trace in seen)


def test_no_text_of_document_question_or_answer_in_the_record():
    decisions = []
    chain = rag(Scripted("Basalt and fjord."), sinks=[decisions.append], answer_defenses=[Redact(word="fjord")])
    chain.invoke(QUERY)
    text = json.dumps(decisions[0].record(text=True))
    assert QUERY in text
    assert not any(word in text for word in ("Basalt", "fjord", "granite"))
    keyed = decisions[0].record(key=b"key")["answer"]["text"]
    assert keyed == text_hash("Basalt and *.", b"key") != decisions[0].record()["answer"]["text"]


def test_a_change_of_either_half_changes_its_hash():
    def config(**options):
        decisions = []
        rag(sinks=[decisions.append], **options).invoke(QUERY)
        return decisions[0].config_hash, decisions[0].answer.config

    plain = config()
    assert config() == plain
    others = [{"max_tokens": 3}, {"answer_defenses": [Redact()]}, {"template": RagTemplate(numbered=False)}]
    hashes = [config(**options) for options in others]
    assert {first for first, _ in hashes} == {plain[0]}
    assert len({plain[1], *(second for _, second in hashes)}) == 4
