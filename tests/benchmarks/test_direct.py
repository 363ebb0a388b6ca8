"""The direct question."""

from __future__ import annotations

from benchmarks.attacks.direct import Direct
from tests.benchmarks.tiny import BRIDGE, CHEESE, clean, tiny


def test_the_query_holds_the_whole_text() -> None:
    sessions = Direct().sessions(tiny(), 0)
    assert [(s.target, s.member) for s in sessions] == [("bridge", True), ("outside", False), ("unasked", False)]
    assert f'"{BRIDGE}"' in sessions[0].asks[0].query
    assert sessions == Direct().sessions(tiny(), 7)


def test_one_on_the_text_and_nothing_on_another() -> None:
    member, outside, _ = Direct().sessions(tiny(), 0)
    both = [[clean("cheese", CHEESE), clean("bridge", BRIDGE)]]
    assert Direct().score(member, both) == {"score": 1.0, "exposed": 1.0, "hits": 1.0}
    assert Direct().score(outside, both) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}
    assert Direct().score(member, [[]]) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}


def test_what_was_handed_out_counts_and_not_the_name() -> None:
    member = Direct().sessions(tiny(), 0)[0]
    assert Direct().score(member, [[clean("bridge", "blanked out")]]) == {"score": 0.0, "exposed": 1.0, "hits": 1.0}
    assert Direct().score(member, [[clean("copy", BRIDGE.upper())]])["score"] == 1.0
