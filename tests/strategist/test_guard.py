"""What an engine remembers of its parts: breakers on a simulated clock, counts, and warnings that do not flood."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from strategist.guard import Guard
from strategist.resilience import BulkheadFull, CircuitOpen, Resilience, StageOutOfTime, TimeBudgetExceeded


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_component_that_fails_repeatedly_is_not_called(clock):
    guard = Guard(Resilience(failures=2, cooldown_s=10), clock)
    for _ in range(2):
        guard.admit("part")
        guard.failed("part", KeyError())
    with pytest.raises(CircuitOpen, match="part"):
        guard.admit("part")
    guard.admit("another")
    assert guard.health()["breakers"]["part"] == {"state": "open", "failures": 2, "openings": 1}
    clock.now = 10.0
    guard.admit("part")  # the probe
    assert guard.health()["breakers"]["part"]["state"] == "half_open"
    with pytest.raises(CircuitOpen):
        guard.admit("part")
    guard.succeeded("part")
    guard.admit("part")
    assert guard.health()["breakers"]["part"] == {"state": "closed", "failures": 0, "openings": 1}


def test_a_success_from_before_it_opened_does_not_close_it(clock):
    guard = Guard(Resilience(failures=1), clock)
    guard.failed("part", KeyError())
    guard.succeeded("part")
    with pytest.raises(CircuitOpen):
        guard.admit("part")


@pytest.mark.parametrize("error", [BulkheadFull("part", "x"), CircuitOpen("part", "x"), StageOutOfTime("part", "x")])
def test_what_was_not_called_says_nothing_of_its_health(error):
    guard = Guard(Resilience(failures=1))
    for _ in range(3):
        guard.failed("part", error)
    guard.admit("part")
    health = guard.health()
    assert (health["not_called"], health["failures"], health["timeouts"]) == ({"part": 3}, {}, {})


def test_counts():
    guard = Guard(Resilience(failures=None))
    guard.failed("part", TimeBudgetExceeded("part", "x"))
    guard.failed("part", ValueError())
    guard.count("enforced")
    guard.count("closed")
    guard.count("degraded")
    guard.left_behind("defend")
    health = guard.health()
    assert health["failures"] == {"part": 2}
    assert health["timeouts"] == {"part": 1}
    assert health["requests"] == {"enforced": 1, "shadow": 0, "allowed": 0, "passive": 0}
    assert (health["closed"], health["open"], health["degraded"]) == (1, 0, 1)
    assert health["workers"]["stuck"] == {"defend": 1}
    guard.came_back("defend")
    assert guard.health()["workers"]["stuck"] == {}
    assert guard.health()["workers"]["left_behind"] == 1
    json.dumps(health, allow_nan=False)


def test_nothing_is_lost_between_threads():
    guard = Guard(Resilience(failures=None))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: (guard.count("open"), guard.failed("part", KeyError())), range(2000)))
    assert guard.health()["open"] == 2000
    assert guard.health()["failures"] == {"part": 2000}


def test_warnings_name_the_part_hold_no_text_and_do_not_flood(clock, caplog):
    guard = Guard(Resilience(failures=None), clock)
    with caplog.at_level(logging.WARNING, "sentinel_strategist"):
        for second in range(100):
            clock.now = float(second)
            guard.failed("part", ValueError("what the user wrote"))
    assert [record.getMessage() for record in caplog.records] == [
        "part failed: ValueError",
        "part failed: ValueError (59 more since the last warning)",
    ]


def test_an_opening_and_a_recovery_are_said(clock, caplog):
    guard = Guard(Resilience(failures=1, cooldown_s=5), clock)
    with caplog.at_level(logging.WARNING, "sentinel_strategist"):
        guard.failed("part", ValueError())
        clock.now = 5.0
        guard.admit("part")
        guard.succeeded("part")
    said = [record.getMessage() for record in caplog.records]
    assert said[1:] == ["part failed 1 times in a row and is left alone for a while", "part works again"]
