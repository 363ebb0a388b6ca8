"""What the kinds of benign traffic have in common: how a served list is worth to somebody with a need."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Ask, Served, Session
from sentinel.text import normalise


def recall(ask: Ask, served: Sequence[Served], k: int = 5) -> float:
    """Share of the gold passages among the first k; a question with more gold than k can reach 1 all the same."""
    return len({d.id for d in served[:k]} & ask.gold) / min(len(ask.gold), k)


def benign_scores(session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
    """Recall@5 averaged over the session, and the share of its answerable questions whose answer was served."""
    recalls = [recall(ask, got) for ask, got in zip(session.asks, served, strict=True) if ask.gold]
    answered = [
        any(normalise(ask.answer) in normalise(d.text) for d in got)
        for ask, got in zip(session.asks, served, strict=True)
        if ask.answer and ask.answer.lower() not in ("yes", "no", "maybe")
    ]
    return {
        "recall": sum(recalls) / len(recalls) if recalls else None,
        "answered": sum(answered) / len(answered) if answered else None,
    }
