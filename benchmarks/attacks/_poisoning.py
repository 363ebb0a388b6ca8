"""What poisoning attacks have in common: the target question is asked once by a benign client of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.attacks import Ask, Served, Session
from benchmarks.attacks._benign import recall
from benchmarks.data import Dataset, PoisonTarget
from benchmarks.reader import states_gold, states_planted


def target_sessions(data: Dataset, name: str, chosen: Iterable[PoisonTarget] | None = None) -> list[Session]:
    """One session per target; targets whose question is in the data set know their gold passages.

    Args:
        data: The data set.
        name: The attack's name, for session ids.
        chosen: Targets that the attack plants something for; None for all.
    """
    sessions = []
    for target in data.poison if chosen is None else chosen:
        query = data.query_by_id.get(target.query_id)
        gold = query.gold if query else target.gold
        group = query.group if query else None
        ask = Ask(target.question, gold, query.short_answer if query else None)
        sessions.append(Session(f"{name}-{target.query_id}", (ask,), group, target=target.query_id))
    return sessions


def with_texts(data: Dataset) -> list[PoisonTarget]:
    """Targets that bring at least one natural text."""
    return [target for target in data.poison if target.natural]


def false_answer(target: PoisonTarget) -> str:
    """The answer that the attacker wants to hear, the short form where known; else the text that supports it."""
    return target.short_incorrect or target.incorrect or target.natural[0]


def poisoning_scores(session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
    """Exposure (a document planted for this target was served), what the ideal reader states, and recall."""
    target, ask, got = str(session.target), session.asks[0], served[0]
    return {
        "exposed": float(any(document.planted_for == target for document in got)),
        "obeyed": float(states_planted(got, ask.gold, target)),
        "right": float(states_gold(got, ask.gold, target)) if ask.gold else None,
        "recall": recall(ask, got) if ask.gold else None,
    }
