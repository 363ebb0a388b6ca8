"""Geometry of the report's two kinds of charts; the template only draws what stands here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 440
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 18, 52
LETTER, LINE = 7.9, 16  # width of a letter and height of a line of a label, in units of the view box
ROW = 24


@dataclass(frozen=True)
class Point:
    """A policy in the scatter: what users keep against what attackers get, each with its interval or None."""

    name: str
    keeps: float
    gets: float
    keeps_interval: tuple[float, float] | None = None
    gets_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Mark:
    """A point as drawn: places in the view box, and whether no other policy is better in both."""

    point: Point
    x: float
    y: float
    whisker_x: tuple[float, float] | None
    whisker_y: tuple[float, float] | None
    label_x: float
    label_y: float
    anchor: str
    best: bool


@dataclass(frozen=True)
class Scatter:
    """Everything to draw: marks, the frontier as points of a polyline, ticks as (place, label)."""

    marks: list[Mark]
    frontier: str
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats: as much for users, as little for attackers, and better in one of them."""
    best = [
        p
        for p in points
        if not any(o.keeps >= p.keeps and o.gets <= p.gets and (o.keeps > p.keeps or o.gets < p.gets) for o in points)
    ]
    return sorted(best, key=lambda p: (p.keeps, p.gets))


def scatter(points: Sequence[Point]) -> Scatter:
    """Lay out the scatter; labels keep clear of marks, whiskers and each other as far as there is room."""
    most = max([1.0, *(p.keeps for p in points)])

    def x(value: float) -> float:
        return round(LEFT + min(max(value, 0.0), most) / most * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(TOP + (1 - min(max(value, 0.0), 1.0)) * (HEIGHT - TOP - BOTTOM), 1)

    best = frontier(points)
    taken = [(x(p.keeps) - 7, y(p.gets) - 7, x(p.keeps) + 7, y(p.gets) + 7) for p in points]
    marks: list[Mark] = []
    for p in points:
        across = (x(p.keeps_interval[0]), x(p.keeps_interval[1])) if p.keeps_interval else None
        along = (y(p.gets_interval[0]), y(p.gets_interval[1])) if p.gets_interval else None
        label_x, label_y, anchor = _label(x(p.keeps), y(p.gets), len(p.name) * LETTER, taken)
        marks.append(Mark(p, x(p.keeps), y(p.gets), across, along, label_x, label_y, anchor, p in best))
    # Stairs, not slopes: between two policies there is no third one to be had.
    corners: list[tuple[float, float]] = []
    for p in best:
        if corners:
            corners.append((corners[-1][0], y(p.gets)))
        corners.append((x(p.keeps), y(p.gets)))
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    return Scatter(
        marks,
        " ".join(f"{px:g},{py:g}" for px, py in corners),
        [(x(t), f"{t:g}") for t in ticks],
        [(y(t), f"{t:g}") for t in ticks],
    )


def _label(
    x: float, y: float, length: float, taken: list[tuple[float, float, float, float]]
) -> tuple[float, float, str]:
    """The nearest place around a mark where a label hits nothing; `taken` grows by it."""
    places: list[tuple[float, float, str]] = []
    for step in range(30):
        for sign in (-1, 1):
            shift = sign * (11 + step * 13)
            places += [(x + 9, y + shift, "start"), (x - 9, y + shift, "end")]
    chosen = places[0] if x < WIDTH / 2 else places[1]
    for place in places:
        left = place[0] if place[2] == "start" else place[0] - length
        box = (left, place[1] - LINE / 2, left + length, place[1] + LINE / 2)
        inside = box[0] > LEFT and box[2] < WIDTH - RIGHT and box[1] > 0 and box[3] < HEIGHT - BOTTOM
        if inside and not any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
        ):
            chosen = place
            taken.append(box)
            break
    return round(chosen[0], 1), round(chosen[1] + 4, 1), chosen[2]


def along(value: float, low: float, high: float, start: float, end: float) -> float:
    """The place of a value on an axis, kept on it."""
    return round(start + (min(max(value, low), high) - low) / (high - low) * (end - start), 1)
