"""The honest counter-case of an interrogation: one client with several questions on one document."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._benign import benign_scores
from benchmarks.data import Dataset, Drilldown
from benchmarks.questions import document_frequencies, follow_ups

SESSIONS = 60


class BenignDrilldown(Attack):
    """Five to eight follow-ups on one document, half of them yes/no: shipped ones, else made from the corpus."""

    manifest = AttackManifest(
        name="benign-drilldown",
        summary="5-8 follow-ups of one client on one document, half of them yes/no",
        family=Family.BENIGN,
        default=True,
        needs=("passages",),
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """One session a document."""
        drilldowns = data.drilldowns or generate(data, seed)
        return [
            Session(d.id, tuple(Ask(text, frozenset({d.doc_id})) for text, _ in d.questions), target=d.doc_id)
            for d in drilldowns
        ]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Recall of the one document over all follow-ups."""
        return benign_scores(session, served)


def generate(data: Dataset, seed: int) -> tuple[Drilldown, ...]:
    """Drill-downs on up to sixty passages of the corpus that are no membership targets."""
    draw = rng(seed, "benign-drilldown")
    targets = {target.id for target in data.membership}
    free = [p for p in data.passages if p.id not in targets]
    frequencies = document_frequencies(p.text for p in data.passages)
    found: list[Drilldown] = []
    for passage in draw.sample(free, len(free)):
        questions = follow_ups(passage.text, frequencies, len(data.passages), draw)
        if questions:
            found.append(Drilldown(f"drilldown-{len(found)}", passage.id, tuple(questions)))
        if len(found) == SESSIONS:
            break
    return tuple(found)
