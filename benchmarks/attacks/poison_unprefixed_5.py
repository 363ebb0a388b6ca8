"""Five planted texts that do not repeat the question: only their agreement can give them away."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions, with_texts
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat

TEXTS = 5


class PoisonUnprefixed5(Attack):
    """The first five natural texts of each target."""

    manifest = AttackManifest(
        name="poison-unprefixed-5",
        summary="five documents per question: texts with the false answer, without the question in front",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("poison",),
        source="PoisonedRAG, arXiv 2402.07867, without its prefix",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name, with_texts(data))

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """The texts as they are."""
        return [Planted(t.query_id, text) for t in with_texts(data) for text in t.natural[:TEXTS]]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
