"""`DefendedRAG` among LangChain's own: events, chains, tools, templates, stores."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableLambda

from defenses import NOT_FOUND
from tests.strategist.rag_world import ANSWER, CALLER, Frame, Scripted, rag
from tests.strategist.world import QUERY, Ranked, faiss


@pytest.mark.parametrize("model", ["generic", "list"])
async def test_events_show_every_run_and_the_model_s_pieces(model):
    made = {
        "generic": GenericFakeChatModel(messages=iter([ANSWER] * 9)),
        "list": FakeListChatModel(responses=[ANSWER]),
    }[model]
    events = [event async for event in rag(made).astream_events(QUERY, version="v2", config=CALLER)]
    kinds = [event["event"] for event in events]
    for kind in ("on_chain_start", "on_retriever_end", "on_chat_model_stream", "on_chain_stream", "on_custom_event"):
        assert kind in kinds, kind
    assert kinds.index("on_retriever_end") < kinds.index("on_chat_model_start")
    assert events[-1]["name"] == "DefendedRAG"
    assert events[-1]["data"]["output"]["answer"] == ANSWER
    models = [event for event in events if event["event"] == "on_chat_model_start"]
    assert models[0]["parent_ids"] == [events[0]["run_id"]]


async def test_async_handlers_get_the_event():
    seen = []

    class Watching(AsyncCallbackHandler):
        async def on_custom_event(self, name, data, **kwargs):
            seen.append((name, data["answer"]["outcome"]))

    await rag().ainvoke(QUERY, {"callbacks": [Watching()]})
    assert seen == [("sentinel_decision", "answered")]


def test_it_is_a_part_of_other_chains():
    chain = rag(FakeListChatModel(responses=[ANSWER]))
    assert (chain | RunnableLambda(lambda output: output["answer"])).invoke(QUERY) == ANSWER
    assert (RunnableLambda(str.strip) | chain.pick("answer")).invoke(f" {QUERY} ") == ANSWER
    streamed = list((RunnableLambda(str.strip) | chain.pick("answer")).stream(QUERY))
    assert "".join(streamed) == ANSWER
    assert len(streamed) > 5
    tool = chain.pick("answer").as_tool(name="ask", description="Ask the corpus.", arg_types={"input": str})
    assert tool.invoke({"input": QUERY}) == ANSWER
    assert chain.with_config(run_name="asked").invoke(QUERY)["answer"] == ANSWER
    declining = chain.configurable_fields(no_context=ConfigurableField(id="empty"), retriever=ConfigurableField(id="r"))
    nothing = {"configurable": {"empty": "decline", "r": Ranked(docs=[], k=3)}}
    assert declining.invoke(QUERY, nothing)["answer"] == NOT_FOUND
    assert chain.input_schema.model_json_schema()
    assert chain.output_schema.model_json_schema()


def test_a_langchain_template_and_a_store():
    generator = Scripted(lambda prompt: prompt.user)
    template = ChatPromptTemplate.from_messages([("system", "Brief."), ("human", "{context} || {input}")])
    answer = rag(generator, retriever=faiss(), template=template, prompt_defenses=[Frame()]).invoke(QUERY)
    texts = [f"<{d.page_content}>" for d in answer["context"]]
    assert answer["answer"] == "\n\n".join(texts) + f" || {QUERY}"
