"""The look-back buffer: what was streamed is what the whole check gives, and nothing is out before its time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses import Checked
from defenses.answer.leak_guard import LeakGuard
from sentinel import ComponentError
from strategist import FailureMode
from strategist.rag_prompt import NOT_FOUND
from tests.strategist.rag_world import (
    ANSWER,
    AsAWhole,
    Doing,
    Halt,
    Held,
    Redact,
    Scripted,
    Whole,
    answering,
    rag,
)
from tests.strategist.world import QUERY

DEFENSES = [Redact(), Halt(), Held(), AsAWhole(), Redact(word="ab"), LeakGuard(quote_words=5)]
TEXTS = st.lists(
    st.sampled_from(
        ["secret", "sec", "ret", "HALT", "HA", "LT", "ab", "a", "b", " ", " ", "  ", "leak", "one two ", "."]
    ),
    min_size=12,
    max_size=60,
).map("".join)
SIZES = st.lists(st.integers(1, 40), max_size=30)
DOCUMENTS = ("one two one two a b ab secret one two", "two")


@settings(max_examples=300)
@given(TEXTS.filter(str.strip), SIZES, st.permutations(DEFENSES), st.integers(0, len(DEFENSES)))
def test_a_stream_adds_up_to_the_whole_answer(text, sizes, order, count):
    checks = order[:count]
    if len({check.manifest.name for check in checks}) < count:
        checks = [check for check in checks if check.manifest.name != "redact"]
    (whole, *none), decision = answering(Scripted(text), *checks, streamed=False, texts=DOCUMENTS)
    assert not none
    given, streamed = answering(Scripted(text, sizes), *checks, texts=DOCUMENTS)
    assert "".join(given) == whole == streamed.answer.text
    assert all(given)
    assert not streamed.errors
    assert streamed.answer.outcome == decision.answer.outcome
    if all(check.look_back is not None for check in checks):
        return
    assert len(given) == 1, "one that checks the whole makes the stream wait"


@given(TEXTS.filter(str.strip), SIZES)
def test_without_checks_every_piece_goes_out_as_it_comes(text, sizes):
    generator = Scripted(text, sizes)
    given, _ = answering(generator)
    assert "".join(given) == text
    assert len(given) <= generator.given
    if text.strip() == text:
        assert len(given) == generator.given


@given(TEXTS.filter(str.strip), SIZES)
def test_in_a_shadow_the_answer_is_the_generator_s_and_the_findings_are_recorded(text, sizes):
    given, decision = answering(Scripted(text, sizes), Redact(), Halt(), mode="shadow")
    assert "".join(given) == text
    assert decision.answer.findings[0].changed is ("secret" in text)
    assert decision.answer.outcome != "answered" or not decision.answer.findings[0].changed


def test_what_a_check_removes_was_never_out():
    text = "The code is secret, and " + "so on, " * 30
    seen = []
    for piece in answering(Scripted(text), Redact())[0]:
        seen.append(piece)
        assert "secre" not in "".join(seen)
    assert len(seen) > 5, "and it is a stream all the same"


def test_a_stop_ends_the_stream_and_the_generator():
    generator = Scripted("So far so good. HALT " + "and more " * 500)
    given, decision = answering(generator, Halt())
    assert "".join(given) == "So far so good. "
    assert generator.given < 100
    assert generator.closed.wait(30.0)
    assert decision.answer.outcome == "changed"
    assert decision.answer.findings[0].stopped
    assert decision.answer.findings[0].reasons == ("halted",)


def test_looks_at_an_unfinished_answer_are_few():
    looks = []

    def act(draft):
        looks.append(len(draft.text))
        return Checked(draft.text)

    answering(Scripted("x" * 20_000), Doing(act=act))
    assert len(looks) < 200
    assert looks[-1] == 20_000


@pytest.mark.parametrize("mode", list(FailureMode))
def test_a_check_that_fails_on_the_way_makes_the_rest_wait(mode):
    def act(draft):
        if not draft.final and len(draft.text) > 50:
            raise KeyError(draft.text)
        return Checked(draft.text.upper())

    text = "a b c " * 40
    given, decision = answering(Scripted(text), Doing(act=act), on_error=mode)
    assert "".join(given) == text.upper()
    assert len(given) < 5
    assert decision.errors == {"doing": "KeyError; waited"}


def test_one_that_fails_in_the_end_is_left_out_or_refused():
    def act(draft):
        raise KeyError(draft.text)

    given, decision = answering(Scripted(ANSWER), Doing(act=act), Redact())
    assert "".join(given) == ANSWER
    assert decision.errors == {"doing": "KeyError; degrade"}
    assert [finding.defense for finding in decision.answer.findings] == ["redact"], "not looked at is not clean"
    given, decision = answering(Scripted(ANSWER), Doing(act=act), on_error=FailureMode.CLOSED)
    assert given == [NOT_FOUND]
    assert decision.answer.outcome == "refused"


def test_one_that_fails_when_a_part_is_out_ends_in_an_error_where_nothing_else_is_left():
    def act(draft):
        if draft.final:
            raise KeyError
        return Checked(draft.text)

    with pytest.raises(ComponentError, match="a part of the answer was out"):
        answering(Scripted("a" * 90), Doing(act=act), on_error=FailureMode.CLOSED)
    assert "".join(answering(Scripted("a" * 90), Doing(act=act))[0]) == "a" * 90


def test_one_that_takes_back_what_it_settled_is_found_out():
    def act(draft):
        return Checked(draft.text if not draft.final else "quite another text")

    with pytest.raises(ComponentError, match="given away"):
        answering(Scripted("a" * 90), Doing(act=act))

    def wavering(draft):
        return Checked(draft.text if len(draft.text) < 60 or draft.final else "b" + draft.text[1:])

    given, decision = answering(Scripted("a" * 200), Doing(act=wavering))
    assert "".join(given) == "a" * 200
    assert "waited" in decision.errors["doing"]


@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_of_which_nothing_is_left_reads_like_one_that_was_not_found(streamed):
    given, decision = answering(Scripted("leak"), AsAWhole(), streamed=streamed)
    assert given == [NOT_FOUND]
    assert decision.answer.outcome == "withheld"
    given, decision = answering(Scripted("   secret"), Redact(), Doing(act=lambda d: Checked(d.text.strip("* "))))
    assert "".join(given) == NOT_FOUND


def test_the_face_streams_as_it_invokes():
    chain = rag(Scripted("no secret here, " * 20, [3, 50, 2]), answer_defenses=[Redact()])
    whole = chain.invoke(QUERY)

    async def streamed():
        return [piece async for piece in chain.astream(QUERY)]

    for parts in (list(chain.stream(QUERY)), asyncio.run(streamed())):
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        assert total["answer"] == whole["answer"]
        assert "secret" not in total["answer"]
        assert [next(iter(part)) for part in parts[:2]] == ["input", "context"]
        assert list(parts[-1]) == ["decision_id"]
        assert len(parts) > 6
        assert [d.page_content for d in total["context"]] == [d.page_content for d in whole["context"]]


def test_a_generator_that_cannot_stream_gives_one_piece():
    parts = list(rag(Whole()).stream(QUERY))
    assert [part["answer"] for part in parts if "answer" in part] == [ANSWER]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_who_stops_listening_stops_the_generator_and_is_recorded_once(way):
    decisions = []
    generator = Scripted("word " * 1000)
    chain = rag(generator, sinks=[decisions.append])

    def some(parts):
        return sum("answer" in part for part in parts) >= 3

    if way == "sync":
        seen, stream = [], chain.stream(QUERY)
        while not some(seen):
            seen.append(next(stream))
        stream.close()
    else:

        async def listen():
            seen, stream = [], chain.astream(QUERY)
            while not some(seen):
                seen.append(await anext(stream))
            await stream.aclose()

        asyncio.run(listen())
    assert generator.closed.wait(30.0)
    assert generator.given < 10
    (decision,) = decisions
    assert decision.answer.outcome == "unfinished"
    assert decision.answer.text == "wor"
