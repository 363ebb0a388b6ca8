"""What membership attacks have in common: one client per target, asked about members and non-members alike."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Served, Session
from benchmarks.data import Dataset, MembershipTarget

MAX_WORDS = 200
"""Words of a target that a probe uses, as in MBA."""


def targets(data: Dataset) -> list[MembershipTarget]:
    """Targets long enough to be probed."""
    return [target for target in data.membership if len(target.text.split()) >= 20]


def clipped(text: str, limit: int = MAX_WORDS) -> str:
    """The first words of a text on one line."""
    return " ".join(text.split()[:limit])


def exposure(session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
    """Whether the target itself was served, and to how many of the session's questions."""
    hits = sum(any(document.id == session.target for document in got) for got in served)
    return {"exposed": float(hits > 0), "hits": float(hits)}
