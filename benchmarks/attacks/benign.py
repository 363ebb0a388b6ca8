"""Ordinary users: sessions of unrelated questions, one client each."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._benign import benign_scores
from benchmarks.data import Dataset, Query


class Benign(Attack):
    """Every question of the data set once, dealt out to clients who ask one to eight of them."""

    manifest = AttackManifest(
        name="benign",
        summary="sessions of 1-8 unrelated questions, one client each",
        family=Family.BENIGN,
        default=True,
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """Sessions stay within one group: a client has one subject."""
        draw = rng(seed, "benign")
        groups: dict[str | None, list[Query]] = {}
        for query in data.queries:
            groups.setdefault(query.group, []).append(query)
        sessions: list[Session] = []
        for group, queries in groups.items():
            queue = draw.sample(queries, len(queries))
            while queue:
                size = draw.randint(1, 8)
                taken, queue = queue[:size], queue[size:]
                asks = tuple(Ask(q.text, q.gold, q.short_answer) for q in taken)
                sessions.append(Session(f"benign-{len(sessions)}", asks, group))
        return sessions

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Recall and answers served."""
        return benign_scores(session, served)
