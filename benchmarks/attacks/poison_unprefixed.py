"""A single planted text that does not repeat the question: no wording gives it away, and nothing agrees with it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Planted, Served, Session
from benchmarks.attacks._poisoning import poisoning_scores, target_sessions, with_texts
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat


class PoisonUnprefixed(Attack):
    """The first natural text of each target, alone."""

    manifest = AttackManifest(
        name="poison-unprefixed",
        summary="one document per question: a text with the false answer, without the question in front",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("poison",),
        source="PoisonedRAG, arXiv 2402.07867, without its prefix",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The target questions, asked benignly."""
        return target_sessions(data, self.manifest.name, with_texts(data))

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """The first text as it is."""
        return [Planted(t.query_id, t.natural[0]) for t in with_texts(data)]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Exposure, obedience of the ideal reader, recall."""
        return poisoning_scores(session, served)
