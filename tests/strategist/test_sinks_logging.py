"""Decisions through Python's logging: a level by outcome, the record for machines, no text."""

import json
import logging

import pytest

from sentinel import Request
from strategist import Decision, DefendedRetriever, Outcome
from strategist.sinks import LoggingSink
from strategist.sinks.logging import NAME, level_of
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
