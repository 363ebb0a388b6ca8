"""Half of the target, to be continued."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacks.s2mia import S2Mia
from benchmarks.data import MembershipTarget
from tests.benchmarks.tiny import BRIDGE, CHEESE, OUTSIDE, clean, tiny


def test_the_query_holds_the_first_half_and_no_more() -> None:
    session = S2Mia().sessions(tiny(), 0)[0]
    half = session.asks[0].facts["half"]
    assert session.asks[0].query.endswith(half)
    assert BRIDGE.startswith(half + " ")
    assert 0.4 * len(BRIDGE) < len(half) <= len(BRIDGE) / 2
    assert (session.member, session.target) == (True, "bridge")


def test_bleu_is_one_on_the_member_and_near_nothing_on_another() -> None:
    member = S2Mia().sessions(tiny(), 0)[0]
    found = S2Mia().score(member, [[clean("cheese", CHEESE), clean("bridge", BRIDGE)]])
    assert found["score"] is not None
    assert abs(found["score"] - 1.0) < 1e-9
    assert (found["exposed"], found["hits"]) == (1.0, 1.0)
    outside = S2Mia().sessions(tiny(), 0)[1]
    score = S2Mia().score(outside, [[clean("cheese", CHEESE), clean("bridge", BRIDGE)]])["score"]
    assert score is not None
    assert 0 <= score < 0.1


def test_nothing_served() -> None:
    session = S2Mia().sessions(tiny(), 0)[0]
    assert S2Mia().score(session, [[]]) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}
    assert S2Mia().score(session, [[clean("e", "")]])["score"] == 0.0


def test_two_hundred_words_at_most_and_twenty_at_least() -> None:
    long = MembershipTarget("long", True, " ".join(f"w{i}" for i in range(500)))
    short = MembershipTarget("short", True, " ".join(OUTSIDE.split()[:19]))
    sessions = S2Mia().sessions(replace(tiny(), membership=(long, short)), 0)
    assert [s.target for s in sessions] == ["long"]
    assert len(sessions[0].asks[0].facts["whole"].split()) == 200
    assert abs(S2Mia().score(sessions[0], [[clean("long", long.text)]])["score"] - 1.0) < 1e-9
