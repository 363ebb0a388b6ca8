"""PoisonedRAG with three documents per question: fewer than the k that are served."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat


class PoisonedRag3(Attack):
    """Three documents "question. text" per target."""

    manifest = AttackManifest(
        name="poisonedrag-3",
        summary="three documents per question: the question, then a text with the false answer",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("poison",),
        run_only=True,
        source="PoisonedRAG, arXiv 2402.07867, three documents",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name)

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """Question, full stop, text."""
        return [Planted(t.query_id, f"{t.question}. {text}") for t in data.poison for text in t.natural[:3]]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
