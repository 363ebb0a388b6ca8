"""Runs flows that give something away before they have ended, as `strategist.drivers` runs those that do not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from strategist.drivers import Ask, Done, Meter, aonward, onward, step
from strategist.guard import Guard

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """Something that the caller gets before the flow has ended."""

    value: T


Streaming = Generator[Ask | Piece[T], Any, None]


def pieces(flow: Streaming[T], guard: Guard) -> Generator[T, None, None]:
    """What a flow gives piece by piece. Time that the caller takes between two pieces counts for nothing.

    A caller that closes this closes the flow, which ends at the piece that it gave last.

    Raises:
        Exception: Whatever the flow raises.
    """
    meter = Meter(guard)
    try:
        at = step(flow, None)
        while not isinstance(at, Done):
            if isinstance(at, Piece):
                yield at.value
                at = step(flow, None)
            else:
                at = onward(flow, at, meter)
    finally:
        _close(flow)


async def apieces(flow: Streaming[T], guard: Guard) -> AsyncGenerator[T, None]:
    """What a flow gives piece by piece, without blocking the event loop. See `pieces`."""
    meter = Meter(guard)
    try:
        at = step(flow, None)
        while not isinstance(at, Done):
            if isinstance(at, Piece):
                yield at.value
                at = step(flow, None)
            else:
                at = await aonward(flow, at, meter)
    finally:
        _close(flow)


def _close(flow: Streaming[Any]) -> None:
    with suppress(ValueError):  # after an interrupt a worker may be in the middle of a step; it ends by itself
        flow.close()
