"""Flipped preferences, repeatably: the noise under which preference optimisation is compared."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from sentinel.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

FLIPPED = "flipped"
"""The column that says which rows were flipped. No trainer reads it."""


def flip_preferences(dataset: Dataset, rate: float, seed: int = 42) -> Dataset:
    """Exchange `chosen` and `rejected` in exactly floor(n * rate) rows (ShaPO, arXiv 2602.07340, released code).

    Rows chosen at a lower rate are among those chosen at a higher one with the same seed, so that a sweep over
    rates adds noise and does not move it. Flip before scoring: a scorer that saw the clean labels would leak them.

    Args:
        dataset: Columns `chosen` and `rejected`; n rows.
        rate: Share of rows to flip, in [0, 1].
        seed: Decides which rows.

    Returns:
        The same rows in the same order, with a boolean column `flipped`.

    Raises:
        ConfigurationError: `rate` is outside [0, 1].
        DataError: A column is missing, or the rows were flipped before.
    """
    if not 0.0 <= rate <= 1.0:
        raise ConfigurationError(f"rate = {rate}: the share of flipped rows lies in [0, 1]")
    missing = [name for name in ("chosen", "rejected") if name not in dataset.column_names]
    if missing:
        raise DataError(f"preferences have no column {missing[0]!r}; there are {', '.join(dataset.column_names)}")
    if FLIPPED in dataset.column_names:
        raise DataError("these preferences were flipped before; start from the clean ones")
    order = list(range(len(dataset)))
    random.Random(seed).shuffle(order)
    # A product such as 0.29 * 100 = 28.999999999999996 means 29.
    flipped = set(order[: math.floor(round(len(order) * rate, 9))])

    def exchange(row: dict[str, Any], index: int) -> dict[str, Any]:
        if index in flipped:
            row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
        row[FLIPPED] = index in flipped
        return row

    return dataset.map(exchange, with_indices=True, desc="Flipping preferences")
