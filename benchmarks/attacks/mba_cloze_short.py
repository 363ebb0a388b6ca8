"""MBA without its marks, in one short piece: what an attacker does who knows that long copies are looked for."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.attacks import Attack, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._cloze import PLAIN, Shape, make
from benchmarks.attacks._membership import targets
from benchmarks.attacks.mba_cloze import ask_of, cloze_scores
from benchmarks.data import Dataset
from sentinel.vocabulary import Threat

WORDS = (20, 40)
DELETED = (2, 4)
SHARES = (0.0, 0.25, 0.6)
"""Of the other content words, how many are substituted, one probe so and another so."""


class MbaClozeShort(Attack):
    """One query per target, of some twenty to forty words with two to four gone; where there is no such piece, none."""

    manifest = AttackManifest(
        name="mba-cloze-short",
        summary="20-40 words of the target in one piece, 2-4 gone without a mark, up to six in ten others substituted",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("membership",),
        run_only=True,
        source="MBA, arXiv 2410.20142, in a form of our own",
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """One session a target, where its sentences are long enough."""
        sessions = []
        for target in targets(data):
            draw = rng(seed, "mba-cloze-short", target.id)
            most, share, size = draw.randint(*DELETED), draw.choice(SHARES), draw.randint(*WORDS)
            shape = Shape(DELETED[0], most, share, size, PLAIN.sentences, strict=False)
            cloze = make(target.text, draw, shape)
            if cloze is not None:
                asks = (ask_of(cloze),)
                sessions.append(Session(f"mba-cloze-short-{target.id}", asks, member=target.member, target=target.id))
        return sessions

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Share of the deleted words that stand in served text where two survivors place them."""
        return cloze_scores(session, served)
