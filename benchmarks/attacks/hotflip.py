"""PoisonedRAG, white box: documents whose prefix was optimised against a retriever, as the data set brings them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat


class HotFlip(Attack):
    """The given documents of every target that has some; the other targets are left out."""

    manifest = AttackManifest(
        name="hotflip",
        summary="given documents: a gradient-optimised prefix, then a text with the false answer",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("hotflipped",),
        source="PoisonedRAG, arXiv 2402.07867, white box",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name, data.hotflipped)

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """The documents as they are."""
        return [Planted(t.query_id, text) for t in data.hotflipped for text in t.hotflip]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
