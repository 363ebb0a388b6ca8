"""What fails in the answer's half ends in the configured mode, visibly, and never takes the caller with it."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models import FakeListChatModel

from defenses import NOT_FOUND, Checked, Framed, Generated
from sentinel import ComponentError, DataError
from strategist import DefendedRetriever, FailureMode, Resilience
from strategist.answering import TOO_LONG
from strategist.guard import Guard
from tests.strategist.rag_world import ANSWER, AsAWhole, Doing, Frame, Redact, Scripted, Twice, Whole, answering, rag
from tests.strategist.world import QUERY, Broken, Ranked, corpus

EVERY_MODE = pytest.mark.parametrize("mode", list(FailureMode), ids=[m.value for m in FailureMode])
WAYS = pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
SHORT = 150.0


def asked(chain, way, question=QUERY):
    """The answer."""

    async def collected():
        return [part async for part in chain.astream(question)]

    if way == "invoke":
        return chain.invoke(question)["answer"]
    if way == "ainvoke":
        return asyncio.run(chain.ainvoke(question))["answer"]
    parts = list(chain.stream(question)) if way == "stream" else asyncio.run(collected())
    return "".join(part.get("answer", "") for part in parts)


def failing(generator, mode=FailureMode.DEGRADE, short=None, **options):
    """A chain around a part that fails, and the list of its decisions."""
    decisions = []
    limits = Resilience(**({short: SHORT} if short else {}))
    retriever = DefendedRetriever.wrap(
        Ranked(docs=corpus(), k=3), on_error=mode, sinks=[decisions.append], resilience=limits
    )
    return rag(generator, retriever=retriever, **options), decisions


BROKEN = {
    "raises": lambda faults: Scripted(faults["raises"]),
    "hangs": lambda faults: Scripted(faults["hangs"]),
    "empty": lambda faults: Scripted(""),
    "blank": lambda faults: Scripted(" \n "),
    "none": lambda faults: Whole(faults["none"]),
    "nan": lambda faults: Whole(faults["nan"]),
}


@EVERY_MODE
@WAYS
@pytest.mark.parametrize("fault", BROKEN)
def test_a_generator_that_fails_ends_in_an_error_or_the_refusal(fault, way, mode, faults):
    chain, decisions = failing(BROKEN[fault](faults), mode, "generate" if fault == "hangs" else None)
    if mode is FailureMode.CLOSED:
        assert asked(chain, way) == NOT_FOUND
    else:
        with pytest.raises(ComponentError) as raised:
            asked(chain, way)
        assert QUERY not in str(raised.value)
    (decision,) = decisions
    kind = {"raises": "RuntimeError", "hangs": "TimeBudgetExceeded"}.get(fault, "ValueError")
    closed = mode is FailureMode.CLOSED
    assert decision.errors == {"generator": f"{kind}; {'closed' if closed else 'raised'}"}
    assert decision.answer.outcome == ("refused" if closed else "failed")
    assert decision.outcome == "failed"
    assert chain.health()["failures"] == {"generator": 1}
    assert chain.health()["closed"] == int(closed)


@WAYS
def test_a_chat_model_that_breaks_off_in_a_stream(way):
    model = FakeListChatModel(responses=[ANSWER], error_on_chunk_number=5)
    chain, decisions = failing(model, FailureMode.CLOSED)
    if "stream" not in way:
        assert asked(chain, way) == ANSWER
        return
    with pytest.raises(ComponentError):
        asked(chain, way)
    assert decisions[0].answer.outcome == "failed"
    assert decisions[0].answer.text == ANSWER[:5]
    held, decisions = failing(model, FailureMode.CLOSED, answer_defenses=[AsAWhole()])
    assert asked(held, way) == NOT_FOUND, "nothing was out, so the refusal is still possible"


def test_a_generator_that_keeps_failing_is_left_alone():
    chain, _ = failing(Scripted(lambda prompt: 1 / 0))
    for _ in range(6):
        with pytest.raises(ComponentError):
            chain.invoke(QUERY)
    assert chain.health()["breakers"]["generator"]["state"] == "open"
    assert len(chain.generator.prompts) == 5


def test_a_breaker_that_is_half_open_lets_a_whole_stream_through():
    now = [0.0]
    limits = Resilience.unlimited().model_copy(update={"failures": 1, "cooldown_s": 30.0})
    guard = Guard(limits, lambda: now[0])
    with pytest.raises(ComponentError):
        answering(Scripted(lambda prompt: 1 / 0), guard=guard)
    with pytest.raises(ComponentError, match="1 failures in a row"):
        answering(Scripted(), guard=guard)
    now[0] = 31.0
    assert "".join(answering(Scripted(), guard=guard)[0]) == ANSWER
    assert guard.health()["breakers"]["generator"]["state"] == "closed"


@EVERY_MODE
@WAYS
@pytest.mark.parametrize("fault", ["raises", "hangs", "none", "nan", "text"])
@pytest.mark.parametrize("stage", ["prompt", "generation", "answer"])
def test_a_defense_that_fails_is_left_out_or_closes(stage, fault, way, mode, faults):
    def broken(*arguments):
        return faults[fault](*arguments)

    options = {
        "prompt": {"prompt_defenses": [Frame(act=broken)]},
        "generation": {"generation": Twice(act=broken)},
        "answer": {"answer_defenses": [Doing(act=broken), Redact(word="bridge")]},
    }[stage]
    name = {"prompt": "brackets", "generation": "twice", "answer": "doing"}[stage]
    short = None if fault != "hangs" else "generate" if stage == "generation" else "defend"
    chain, decisions = failing(Scripted(), mode, short, **options)
    closed = mode is FailureMode.CLOSED
    expected = NOT_FOUND if closed else ANSWER.replace("bridge", "*") if stage == "answer" else ANSWER
    assert asked(chain, way) == expected
    (decision,) = decisions
    assert set(decision.errors) == {name}
    assert decision.errors[name].endswith(f"; {mode.value}")
    assert decision.answer.outcome == ("refused" if closed else "changed" if stage == "answer" else "answered")
    assert name not in [finding.defense for finding in decision.answer.findings]


@pytest.mark.parametrize(
    "made",
    [
        Framed(("one",)),
        Framed(("a", "b", 3)),
        Generated("", 1),
        Generated(3, 1),
        Generated("x", 1, {7: "no such document"}),
        Generated("x", 1, {0: 3}),
        Generated("x", 1, spent=(float("nan"), 0.0)),
        Checked(3),
        Checked("x", (3,)),
    ],
    ids=repr,
)
def test_what_is_no_answer_is_a_failure(made):
    kinds = {
        Framed: {"prompt_defenses": [Frame(act=lambda documents: made)]},
        Generated: {"generation": Twice(act=lambda asked, generator: made)},
        Checked: {"answer_defenses": [Doing(act=lambda draft: made)]},
    }
    chain, decisions = failing(Scripted(), **kinds[type(made)])
    assert chain.invoke(QUERY)["answer"] == ANSWER
    assert len(decisions[0].errors) == 1


@WAYS
def test_a_retrieval_that_closed_is_refused_and_not_asked_about(way):
    generator, decisions = Scripted(), []
    retriever = DefendedRetriever.wrap(
        Ranked(docs=corpus(), k=3), embeddings=Broken(), on_error="closed", sinks=[decisions.append]
    )
    chain = rag(generator, retriever=retriever, on_error="degrade")
    assert asked(chain, way) == NOT_FOUND
    assert generator.prompts == []
    assert (decisions[0].answer.outcome, decisions[0].served) == ("refused", ())


# Windows


@WAYS
def test_the_lowest_ranked_documents_are_left_out_until_the_rest_fits(way):
    longest = max(len(d.page_content) for d in corpus()[:3])
    generator = Scripted(window=len(QUERY) + 2 * (longest + 15) + 25)
    seen = []

    def act(draft):
        seen.append(draft.documents)
        return Checked(draft.text)

    chain, decisions = failing(generator, answer_defenses=[Doing(act=act)])
    assert asked(chain, way) == ANSWER
    assert len(generator.prompts[-1].documents) == 2
    assert decisions[0].answer.dropped == {2: TOO_LONG}
    assert decisions[0].answer.record()["dropped"] == [[2, TOO_LONG]]
    assert set(seen) == {tuple(d.page_content for d in corpus()[:2])}
    assert not decisions[0].errors
    assert chain.health()["failures"] == {}


def test_a_document_that_does_not_fit_alone_keeps_no_other_out():
    given, decision = answering(Scripted(window=200), texts=("x" * 900, "one", "two"), streamed=False)
    assert given == [ANSWER]
    assert decision.answer.dropped == {0: TOO_LONG}


@EVERY_MODE
@pytest.mark.parametrize("documents", [3, 0])
def test_what_does_not_fit_at_all_is_the_caller_s_error(documents, mode):
    decisions = []
    chain = rag(Scripted(window=5), corpus()[:documents], on_error=mode, sinks=[decisions.append])
    for way in ("invoke", "stream", "ainvoke", "astream"):
        with pytest.raises(DataError, match="fewer than 5"):
            asked(chain, way)
    assert [decision.errors for decision in decisions] == [{"generator": "DataError; raised"}] * 4
    assert {decision.answer.outcome for decision in decisions} == {"failed"}


def test_a_sink_that_fails_takes_no_answer_away():
    def sink(decision):
        raise OSError("disk full")

    with pytest.warns(RuntimeWarning, match="a decision sink failed"):
        assert rag(sinks=[sink]).invoke(QUERY)["answer"] == ANSWER
