"""Conformal risk control: how strongly one may intervene and still keep a promise on what benign users lose.

Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control" (arXiv 2208.02814), theorem 1. The promise is on
the average over calibration sets: E[loss of the next session] <= alpha. It says nothing of one particular set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError

BOUND = 1.0
"""The largest loss that one session can have."""


def sessions_needed(alpha: float) -> int:
    """Sessions below which no intervention can be promised to cost at most `alpha`: ceil((1 - alpha) / alpha).

    With fewer, the term BOUND / (n + 1) for the session that nobody has seen yet exceeds `alpha` alone.

    Raises:
        DataError: `alpha` is not in (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise DataError(f"alpha must lie in (0, 1), not {alpha!r}")
    # Rounded first: (1 - 0.01) / 0.01 is a hair above 99 in floating point.
    return math.ceil(round((1.0 - alpha) / alpha, 9))


def smallest_alpha(sessions: int) -> float:
    """The strictest promise that so many sessions can carry: 1 / (n + 1), and 1 without any."""
    return 1.0 / (sessions + 1)


def monotonised(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Losses that never rise along the last axis: each becomes the supremum over itself and all milder settings.

    Args:
        losses: Shape (..., m), settings from the strongest intervention to the mildest.
    """
    found: NDArray[np.float64] = np.maximum.accumulate(losses[..., ::-1], axis=-1)[..., ::-1]
    return found


def strongest(losses: NDArray[np.float64], alpha: float) -> int | None:
    """The strongest setting whose corrected empirical loss stays at or below `alpha`.

    n / (n + 1) * mean + BOUND / (n + 1) <= alpha (arXiv 2208.02814, equation 4), over losses made monotone by their
    supremum.

    Args:
        losses: Loss in [0, 1] by session and setting, shape (n, m), settings from the strongest to the mildest.
        alpha: What the next session may lose on average, in (0, 1).

    Returns:
        The column's index; None if not even the mildest setting keeps the promise.

    Raises:
        DataError: Fewer sessions than `sessions_needed`, or losses that are none.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 2 or not losses.shape[1]:
        raise DataError(f"losses must be a table of sessions by settings, not of shape {losses.shape}")
    if not bool(np.isfinite(losses).all()) or losses.min(initial=0.0) < 0.0 or losses.max(initial=0.0) > BOUND:
        raise DataError("losses must lie in [0, 1]")
    sessions, least = len(losses), sessions_needed(alpha)
    if sessions < least:
        raise DataError(
            f"{sessions} benign sessions cannot carry a promise of {alpha:.3g}: that takes {least} "
            f"(so many can promise {smallest_alpha(sessions):.3g})"
        )
    corrected = (monotonised(losses).sum(axis=0) + BOUND) / (sessions + 1)
    kept = np.flatnonzero(corrected <= alpha + 1e-12)
    return int(kept[0]) if len(kept) else None


def held(losses: NDArray[np.float64], alpha: float, calibrate: int, draws: Sequence[int]) -> NDArray[np.float64]:
    """What the rest loses when the setting is chosen on a random part: the check of the promise.

    Args:
        losses: As for `strongest`.
        alpha: As for `strongest`.
        calibrate: Sessions of the random part; at least `sessions_needed(alpha)`, and fewer than there are.
        draws: A seed for each draw of the part.

    Returns:
        Mean loss of the sessions left over, by draw, shape (len(draws),); 0 where no setting kept the promise and
        nothing is done.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if not 0 < calibrate < len(losses):
        raise DataError(f"{calibrate} of {len(losses)} sessions leave none to check the promise on")
    found = np.zeros(len(draws))
    for at, seed in enumerate(draws):
        order = np.random.default_rng(seed).permutation(len(losses))
        chosen = strongest(losses[order[:calibrate]], alpha)
        if chosen is not None:
            found[at] = losses[order[calibrate:], chosen].mean()
    return found
