"""Benign queries that look like attacks: pasted excerpts, long cases, exact titles, keywords, typos, fill-ins."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session
from benchmarks.attacks._benign import benign_scores
from benchmarks.attacks._hard import Hard, generate
from benchmarks.data import Dataset


class BenignHard(Attack):
    """One client and one query each: shipped ones, else made from the corpus and its questions."""

    manifest = AttackManifest(
        name="benign-hard",
        summary="pasted excerpts, long cases, exact titles, keyword lists, typos and fill-ins of benign users",
        family=Family.BENIGN,
        default=True,
        needs=("passages",),
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The group is the kind, so that each kind gets cells of its own."""
        if data.hard:
            queries = [Hard(q.kind, q.text, frozenset({q.doc_id})) for q in data.hard]
        else:
            queries = generate(data, seed)
        return [
            Session(f"benign-hard-{number}", (Ask(q.text, q.gold, q.answer),), q.kind)
            for number, q in enumerate(queries)
        ]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Recall and answers served."""
        return benign_scores(session, served)
