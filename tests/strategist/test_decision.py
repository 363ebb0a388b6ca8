"""Decision records: plain JSON, no user text, ids that tell nothing."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import Reason, Request, RiskProfile, Threat
from strategist import Decision, DefendedRetriever, Outcome
from strategist.decision import text_hash
from tests.strategist.world import QUERY, Ranked, plan, planted

SECRET = Request("who is Amanda Ripley", 3, "client-77", "tenant-12", 0.5, time=0.0)


def decision(**changes):
    return Decision(SECRET, "rules", "abc", **changes)


def test_no_user_text_unless_asked():
    hashed = json.dumps(decision().record())
    assert not any(text in hashed for text in ("Amanda", "client-77", "tenant-12"))
    clear = decision().record(text=True)
    assert clear["query"] == SECRET.query
    assert "client-77" not in json.dumps(clear)


def test_missing_measurements_are_null():
    profile = RiskProfile(
        {"none": None, "nan": float("nan"), "some": np.array([0.25, np.nan, np.inf]), "one": 1.0},
        {Threat.POISONING: 0.123456789},
        {Threat.POISONING: np.array([0.5, 0.25])},
        (Reason(Threat.POISONING, "one", 1.23456, "x"),),
        {"none": "ZeroDivisionError"},
    )
    record = json.loads(json.dumps(decision(profile=profile).record(), allow_nan=False))
    assert record["profile"]["signals"] == {"none": None, "nan": None, "some": [0.25, None, None], "one": 1.0}
    assert record["profile"]["probabilities"] == {"poisoning": 0.123457}
    assert record["profile"]["failed"] == {"none": "ZeroDivisionError"}


def test_every_part_is_recorded():
    made = decision(
        plan=plan("a", share=0.5, removed={"b": "too costly"}),
        outcomes=[Outcome("a", 3, 1, ((2, "why"), (0, "why"))), Outcome("c", 1, 0, ((1, "why"),))],
        fetched=3,
        served=(),
        missing=2,
        milliseconds={"total": 1.23456},
        errors={"a": "ValueError; degrade"},
    )
    record = made.record()
    assert record["outcomes"][0] == {"defense": "a", "in": 3, "out": 1, "dropped": [[2, "why"], [0, "why"]]}
    assert record["removed"] == {"b": "too costly"}
    assert (record["fetched"], record["missing"], record["k"]) == (3, 2, 3)
    assert record["milliseconds"] == {"total": 1.235}
    assert record["errors"] == {"a": "ValueError; degrade"}
    assert made.dropped == (0, 1, 2)


def test_ids_are_random_and_say_nothing_of_the_request():
    ids = {decision().id for _ in range(500)}
    assert len(ids) == 500
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_a_hash(text):
    assert len(text_hash(text)) == 16
    assert text_hash(text) == text_hash(text)


def test_no_text_has_no_hash():
    assert text_hash(None) is None
    assert text_hash("") is not None


@pytest.mark.parametrize("query", [QUERY, "granite fjord cedar and some more"])
def test_a_real_record_holds_no_text_of_query_client_or_documents(query):
    decisions = []
    documents = planted(0, 2)
    wrapped = DefendedRetriever.wrap(Ranked(docs=documents), sinks=[decisions.append])
    wrapped.invoke(query, {"configurable": {"client_id": "client-77", "tenant": "tenant-12"}})
    record = decisions[0].record()
    text = json.dumps(record, allow_nan=False)
    said = [*(word for word in query.split() if len(word) > 4), "client-77", "tenant-12", "o'clock", "basalt"]
    # Whole words: a signal may be called closed_series where the query says close.
    assert not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in said)
    assert record["client"] == text_hash("client-77")
    assert record["query"] == text_hash(query)
