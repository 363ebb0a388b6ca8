"""The limits: generous unless told otherwise, impossible ones refused."""

import pytest
from pydantic import ValidationError

from strategist.resilience import BulkheadFull, NotCalled, Resilience, StageOutOfTime, TimeBudgetExceeded

STAGES = ["embed", "fetch", "sense", "plan", "defend", "model"]


def test_limits_are_milliseconds():
    limits = Resilience(sense=250, plan=None)
    assert (limits.milliseconds("sense"), limits.milliseconds("plan"), limits.milliseconds("")) == (250, None, None)
    assert limits.shortest_s == 0.25
    assert Resilience.unlimited().shortest_s is None
    assert [Resilience.unlimited().milliseconds(stage) for stage in STAGES] == [None] * 6


@pytest.mark.parametrize("stage", STAGES)
def test_the_defaults_are_there_and_generous(stage):
    assert Resilience().milliseconds(stage) >= 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"sense": 0},
        {"plan": -1},
        {"fetch": float("nan")},
        {"embed": float("inf")},
        {"failures": 0},
        {"cooldown_s": 0},
        {"model_calls": 0},
        {"left_behind": 0},
        {"sens": 1},
    ],
)
def test_impossible_limits(wrong):
    with pytest.raises(ValidationError):
        Resilience(**wrong)


def test_it_is_frozen():
    with pytest.raises(ValidationError):
        Resilience().sense = 3


def test_what_was_not_called_is_told_from_what_failed():
    assert issubclass(BulkheadFull, NotCalled)
    assert issubclass(StageOutOfTime, NotCalled)
    assert not issubclass(TimeBudgetExceeded, NotCalled)
