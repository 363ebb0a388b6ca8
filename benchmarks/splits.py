"""Fitting and testing apart: benign sessions are dealt into fit, calibrate and test by seed."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Session, rng

SHARES = {"fit": 0.2, "calibrate": 0.4, "test": 0.4}


def split(sessions: Sequence[Session], seed: int, attack: str) -> dict[str, str]:
    """Which part each session belongs to.

    The same data, seed and attack give the same split; the shares hold up to rounding, and every part has a session
    where there are three or more.

    Returns:
        `fit`, `calibrate` or `test` by session id.
    """
    ids = sorted(session.id for session in sessions)
    rng(seed, "split", attack).shuffle(ids)
    parts: dict[str, str] = {}
    done = 0
    for i, (part, share) in enumerate(SHARES.items()):
        size = len(ids) - done if i == len(SHARES) - 1 else max(round(share * len(ids)), min(1, len(ids) - done))
        parts.update(dict.fromkeys(ids[done : done + size], part))
        done += size
    return parts
