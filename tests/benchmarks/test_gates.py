"""Gates: what can be written, what trips, and that nothing unmeasured passes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gates import failures, parse
from sentinel.errors import ConfigurationError


def cell(
    attack: str,
    value: float | None,
    group: str | None = None,
    policy: str = "rules",
    metric: str = "auc",
    stage: str = "context",
) -> dict[str, Any]:
    named = {"policy": policy, "attack": attack, "metric": metric, "stage": stage}
    return {**named, "value": value, "group": group, "n": 7}


SUMMARY = {
    "cells": [
        cell("mba", 0.6),
        cell("s2mia", 0.9),
        cell("direct", None),
        cell("mba", 0.99, "nq"),
        cell("mba", 1.0, policy="none"),
        cell("pia", 0.2, metric="asr"),
        cell("pia", 0.8, metric="asr", stage="answer"),
        cell("jamming", 0.1, metric="asr"),
    ]
}


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("rules/mba/auc > 0.6", 0),
        ("rules/mba/auc >= 0.6", 1),
        ("rules/mba/auc<0.6", 0),
        ("  rules/mba/auc<=.6 ", 1),
        ("rules/mba/auc > -1e-3", 1),
        ("rules/mba/auc > 0.7", 0),  # the group's 0.99 and the other policy's 1.0 do not count
        ("none/mba/auc > 0.7", 1),
        ("rules/*/auc > 0.5", 2),
        ("rules/*/auc > 0.8", 1),
        ("rules/*/auc > 0.95", 0),
        ("rules/pia/asr > 0.1", 2),  # without a stage: every one
        ("rules/pia/asr > 0.5", 1),
        ("rules/pia/asr/context > 0.5", 0),
        ("rules/pia/asr/context>0.1", 1),
        ("rules/pia/asr/answer > 0.5", 1),
        (" rules/*/asr/answer <= 0.8 ", 1),
        ("rules/*/asr/context < 0.9", 2),
    ],
)
def test_what_trips(text: str, failed: int) -> None:
    assert len(failures([parse(text)], SUMMARY)) == failed


@pytest.mark.parametrize(
    "text",
    [
        "rules/direct/auc > 2",
        "rules/poisonedrag/asr > 2",
        "always_on/mba/auc > 2",
        "none/*/asr > 2",
        "rules/jamming/asr/answer > 2",
    ],
)
def test_what_was_not_measured_fails(text: str) -> None:
    (line,) = failures([parse(text)], SUMMARY)
    assert line == f"{text}: this run has no such figure"


def test_the_line_says_figure_and_size() -> None:
    gate = "rules/*/auc > 0.8"
    assert failures([parse(gate)], SUMMARY) == [f"{gate}: rules/s2mia/auc/context is 0.900 (n = 7)"]
    assert failures([parse("rules/mba/auc > 0.5"), parse(gate)], SUMMARY)[1].startswith(gate)
    assert failures([], SUMMARY) == []


@pytest.mark.parametrize(
    "text",
    ["", "auc > 0.5", "rules/auc > 0.5", "rules/mba/auc = 0.5", "rules/mba/auc > half", "rules/mba/auc > 1-2",
     "rules/mba/auc >", "rules/mba/auc > nan", "rules/mba/auc > 0.5 0.6", "a/b/c/d/e > 1", "rules/mba/auc/ > 1"],
)  # fmt: skip
def test_unreadable(text: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot read gate"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "kind", "near"),
    [
        ("rulez/mba/auc > 1", "policy", "rules"),
        ("rules/mbaa/auc > 1", "attack", "mba"),
        ("rules/mba/acu > 1", "metric", "auc"),
        ("rules/pia/asr/anwser > 1", "stage", "answer"),
    ],
)
def test_names_nobody_knows(text: str, kind: str, near: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown {kind}.*did you mean '{near}'"):
        parse(text)


def test_a_stage_that_a_metric_is_never_measured_at() -> None:
    with pytest.raises(ConfigurationError, match="served_median is measured at stage context only"):
        parse("rules/mba/served_median/answer > 1")
