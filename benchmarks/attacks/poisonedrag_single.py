"""PoisonedRAG with a single document per question: nothing agrees with it, and cluster filters see nothing."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat


class PoisonedRagSingle(Attack):
    """One document "question. text" per target."""

    manifest = AttackManifest(
        name="poisonedrag-single",
        summary="one document per question: the question, then a text with the false answer",
        family=Family.POISONING,
        default=True,
        threat=Threat.POISONING,
        needs=("poison",),
        source="PoisonedRAG, arXiv 2402.07867, one document",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name)

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """Question, full stop, the first text."""
        return [Planted(t.query_id, f"{t.question}. {t.natural[0]}") for t in data.poison if t.natural]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
