"""PoisonedRAG, black box: five documents per question, each the question and a fluent false text (2402.07867)."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat


class PoisonedRag(Attack):
    """Five documents "question. text" per target; those of all targets stand in the corpus together."""

    manifest = AttackManifest(
        name="poisonedrag",
        summary="five documents per question: the question, then a text with the false answer",
        family=Family.POISONING,
        default=True,
        threat=Threat.POISONING,
        needs=("poison",),
        source="PoisonedRAG, arXiv 2402.07867",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name)

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """Question, full stop, text."""
        return [Planted(t.query_id, f"{t.question}. {text}") for t in data.poison for text in t.natural[:5]]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
