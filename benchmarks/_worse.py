"""Which of two figures is the better one, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.metrics import METRICS


def higher_is_better(cell: Mapping[str, Any]) -> bool:
    """Whether a high figure is good for whoever runs the system."""
    return METRICS.get(cell["metric"]).manifest.higher_is_better


def worse_than_none(cell: Mapping[str, Any], reference: Mapping[str, Any] | None) -> bool:
    """Whether a figure is worse than undefended beyond its own interval."""
    if reference is None or cell["value"] is None or reference["value"] is None or cell["ci_low"] is None:
        return False
    if higher_is_better(cell):
        return bool(cell["ci_high"] < reference["value"])
    return bool(cell["ci_low"] > reference["value"])
