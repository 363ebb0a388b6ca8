"""What attacks have in common whose documents the data set brings ready-made, question and all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.attacks import Ask, Attack, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores
from benchmarks.data import Dataset, ReadyMade


class ReadyMadeBase(Attack):
    """Plants the documents of every row and asks its query once, each by a client of its own."""

    documents: ClassVar[str]
    """Name of the attribute of `Dataset` that holds the rows."""

    def rows(self, data: Dataset) -> Sequence[ReadyMade]:
        """The family's rows."""
        found: Sequence[ReadyMade] = getattr(data, self.documents)
        return found

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """One session a row; rows whose question stands in the data set know their gold passages."""
        first = _first_with(self.rows(data))
        sessions = []
        for row in self.rows(data):
            query = data.query_by_id.get(row.query_id or "")
            ask = Ask(
                row.query,
                query.gold if query else frozenset(),
                query.short_answer if query else None,
                facts={"goal": row.goal},
            )
            sessions.append(Session(row.id, (ask,), query.group if query else None, target=first[row.documents]))
        return sessions

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """Every document once, also where several rows share theirs, as triggers of one poisoning do."""
        return [Planted(key, text) for documents, key in _first_with(self.rows(data)).items() for text in documents]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure and recall; obedience of the ideal reader only where it is known what the reader is to say."""
        scores = poisoning_scores(session, served)
        return scores if session.asks[0].facts.get("goal") else scores | {"obeyed": None}


def _first_with(rows: Sequence[ReadyMade]) -> dict[tuple[str, ...], str]:
    """The id of the first row that has these documents, by documents."""
    found: dict[tuple[str, ...], str] = {}
    for row in rows:
        found.setdefault(row.documents, row.id)
    return found
