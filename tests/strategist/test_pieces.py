"""Flows that give something away before they end: the same in both drivers, given up cleanly, nobody waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from strategist import pieces as module
from strategist.drivers import Ask, adrive
from strategist.guard import ASYNC_WORKERS, Guard
from strategist.pieces import Piece, apieces, pieces
from strategist.resilience import Resilience, TimeBudgetExceeded

SHORT = 40.0
BOTH = pytest.mark.parametrize("way", ["sync", "async"])


def collected(way, flow, guard=None, most=None):
    """What a flow gives, up to so many pieces, after which it is given up."""
    guard = guard or Guard()

    async def listen():
        got, stream = [], apieces(flow, guard)
        async for value in stream:
            got.append(value)
            if len(got) == most:
                break
        await stream.aclose()
        return got

    if way == "async":
        return asyncio.run(listen())
    got, stream = [], pieces(flow, guard)
    for value in stream:
        got.append(value)
        if len(got) == most:
            break
    stream.close()
    return got


def counting(ended, stage="generate"):
    try:
        for number in range(5):
            yield Piece((yield Ask(stage, "part", lambda number=number: number, waits=number % 2 == 0)))
            yield Piece("and")
    finally:
        ended.append(True)


@BOTH
@pytest.mark.parametrize("stage", ["generate", "", "defend"])
def test_pieces_come_in_order_between_asks(way, stage):
    ended = []
    expected = [part for number in range(5) for part in (number, "and")]
    assert collected(way, counting(ended, stage)) == expected
    assert ended == [True]


@BOTH
@pytest.mark.parametrize("most", [1, 2, 7])
def test_who_has_enough_ends_the_flow(way, most):
    ended = []
    assert len(collected(way, counting(ended), most=most)) == most
    assert ended == [True]


@BOTH
def test_errors_of_asks_are_the_flow_s_and_errors_of_the_flow_the_caller_s(way):
    def flow():
        try:
            yield Ask("generate", "part", lambda: 1 / 0)
        except ZeroDivisionError:
            yield Piece("caught")
        raise KeyError("x")

    stream = flow()
    with pytest.raises(KeyError):
        collected(way, stream)
    assert collected(way, flow(), most=1) == ["caught"]


@BOTH
def test_what_hangs_between_two_pieces_is_left_behind(way):
    release = threading.Event()

    def flow():
        yield Piece("before")
        try:
            yield Ask("generate", "part", lambda: release.wait(60.0), waits=True)
        except TimeBudgetExceeded:
            yield Piece("after")

    guard = Guard(Resilience(generate=SHORT))
    assert collected(way, flow(), guard) == ["before", "after"]
    assert guard.health()["workers"]["stuck"] == {"generate": 1}
    release.set()


async def test_what_waits_keeps_nobody_waiting():
    guard, release = Guard(), threading.Event()

    def waiting():
        return (yield Ask("generate", "model", lambda: release.wait(60.0), waits=True))

    def computing():
        return (yield Ask("defend", "part", lambda: "done"))

    models = [asyncio.ensure_future(adrive(waiting(), guard)) for _ in range(ASYNC_WORKERS + 4)]
    await asyncio.sleep(0)
    assert await adrive(computing(), guard) == "done"
    release.set()
    assert all(await asyncio.gather(*models))


def test_a_flow_that_a_worker_runs_is_left_to_it():
    class Running:
        def close(self):
            raise ValueError("generator already executing")

    module._close(Running())
