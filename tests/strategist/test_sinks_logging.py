"""Decisions through Python's logging: a level by outcome, the record for machines, no text."""

import json
import logging

import pytest

from sentinel import Request
from strategist import AnswerPart, Decision, DefendedRetriever, Finding, Outcome
from strategist.sinks import LoggingSink
from strategist.sinks.logging import NAME, level_of
from tests.strategist.rag_world import Frame, Redact, Scripted, rag
from tests.strategist.world import QUERY, Ranked, plan, planted, policy

REQUEST = Request("who is Amanda Ripley", 3, "client-77", time=0.0)


def decision(**changes):
    return Decision(REQUEST, "rules", "abc", **changes)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"served": (0, 1, 2)}, "DEBUG"),
        ({"plan": plan("a"), "outcomes": [Outcome("a", 3, 2, ((1, "x"),))], "served": (0, 2)}, "INFO"),
        ({"missing": 1, "served": (0,)}, "INFO"),
        ({"errors": {"a": "ValueError; degrade"}, "served": (0,)}, "WARNING"),
        ({"errors": {"a": "ValueError; open"}, "served": ()}, "WARNING"),
        ({"errors": {"signal x": "ValueError; missing"}}, "WARNING"),
        ({"errors": {"a": "ValueError; closed"}}, "ERROR"),
        ({"errors": {"a": "ValueError; closed"}, "served": (0,), "mode": "shadow"}, "WARNING"),
        ({"answer": AnswerPart("m", outcome="answered")}, "DEBUG"),
        ({"answer": AnswerPart("m", outcome="answered", prompt=("f",))}, "INFO"),
        ({"answer": AnswerPart("m", outcome="changed"), "errors": {"f": "ValueError; degrade"}}, "WARNING"),
        ({"answer": AnswerPart("m", outcome="refused"), "errors": {"f": "X; closed"}, "served": (0,)}, "ERROR"),
        ({"answer": AnswerPart("m", outcome="failed"), "errors": {"generator": "X; raised"}, "served": (0,)}, "ERROR"),
    ],
)
def test_the_level_says_what_became_of_it(caplog, changes, level):
    caplog.set_level(logging.DEBUG, NAME)
    made = decision(**changes)
    assert logging.getLevelName(level_of(made)) == level
    LoggingSink()(made)
    entry = caplog.records[-1]
    assert (entry.levelname, entry.name) == (level, NAME)
    assert entry.decision == made.record()
    assert (entry.decision_id, entry.decision_policy) == (made.id, "rules")
    assert (entry.decision_config, entry.decision_mode) == ("abc", made.mode)
    assert entry.decision_answer == (made.answer and made.answer.outcome)


def test_the_line_for_people(caplog):
    made = decision(
        plan=plan("a"),
        outcomes=[Outcome("a", 3, 1, ((1, "x"), (2, "x")))],
        fetched=3,
        served=(0,),
        missing=2,
        errors={"b": "ValueError; degrade"},
        milliseconds={"total": 1.25},
    )
    LoggingSink()(made)
    said = caplog.records[-1].getMessage()
    assert said == f"{made.id} rules/enforced: served 1 of 3 fetched, hidden 2, missing 2, failed b, 1.2 ms"


def test_the_line_says_how_it_was_answered(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    findings = [Finding("g", ("cut",), changed=True), Finding("h"), Finding("i", stopped=True, changed=True)]
    part = AnswerPart("model", "hash", "changed", True, ("f", "s"), "dp", 6, {3: "x"}, (2.0, 1e-5), findings, "Amanda.")
    made = decision(answer=part, milliseconds={"total": 9.0, "prompt": 0.5, "generate": 7.25, "check": 1.0})
    LoggingSink()(made)
    said = caplog.records[-1].getMessage().partition("; ")[2]
    assert said == (
        "answer of model: changed in a stream, calls 6, framed by f, s, asked through dp, left out 1, "
        "spent epsilon 2, delta 1e-05, changed by g, i, stopped by i, prompt 0.5 ms, generate 7.2 ms, check 1.0 ms"
    )
    made.answer = AnswerPart("model", outcome="answered", calls=1)
    made.milliseconds = {}
    LoggingSink()(made)
    assert caplog.records[-1].getMessage().endswith("; answer of model: answered, calls 1")


def test_answers_are_logged_without_their_text(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    chain = rag(
        Scripted("The secret fjord."), prompt_defenses=[Frame()], answer_defenses=[Redact()], sinks=[LoggingSink()]
    )
    assert chain.invoke(QUERY)["answer"] == "The * fjord."
    (entry,) = [r for r in caplog.records if r.name == NAME]
    said = entry.getMessage()
    assert "answer of scripted: changed, calls 1, framed by brackets, changed by redact, prompt " in said
    assert entry.decision["answer"]["findings"][0]["reasons"] == ["1 words"]
    whole = said + json.dumps(entry.decision)
    assert not any(word in whole for word in ("fjord", "secret", "harbour", "granite"))


def test_no_text_unless_asked(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    for sink, there in ((LoggingSink(), False), (LoggingSink(text=True), True)):
        sink(decision())
        entry = caplog.records[-1]
        assert ("Amanda" in json.dumps(entry.decision)) is there
        assert "Amanda" not in entry.getMessage()


def test_a_logger_of_one_s_own(caplog):
    for logger in ("mine", logging.getLogger("mine")):
        caplog.clear()
        caplog.set_level(logging.DEBUG, "mine")
        LoggingSink(logger)(decision())
        assert [r.name for r in caplog.records] == ["mine"]


def test_a_level_that_nobody_wants_costs_no_record(monkeypatch, caplog):
    caplog.set_level(logging.WARNING, NAME)
    monkeypatch.setattr(Decision, "record", lambda *_, **__: pytest.fail("made for nobody"))
    LoggingSink()(decision())
    assert caplog.records == []


def test_requests_are_logged(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    DefendedRetriever.wrap(Ranked(docs=planted(0)), sinks=[LoggingSink()]).invoke(QUERY)
    failing = policy(ValueError("x"))
    DefendedRetriever.wrap(Ranked(docs=planted(0)), policy=failing, on_error="closed", sinks=[LoggingSink()]).invoke(
        QUERY
    )
    assert [r.levelname for r in caplog.records if r.name == NAME] == ["INFO", "ERROR"]
