"""What the forms of the interrogation have in common: which questions are asked, and what the answers are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.attacks import Ask, Attack, Served, Session, rng
from benchmarks.data import Dataset, MembershipTarget

SOURCE = "Interrogation attack, arXiv 2502.00306"


def probes(target: MembershipTarget, seed: int) -> list[Ask]:
    """The target's questions, each with the coin that answers it where the target is not served.

    The coin is thrown here and not when scoring: every policy and every form of the attack then meets the same
    luck, and differences between them are the defense's.
    """
    draw = rng(seed, "interrogation", target.id)
    return [Ask(question, facts={"coin": draw.random() < 0.5}) for question in target.questions]


def interrogation_scores(session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
    """Share of the probes answered rightly, and how many were answered from the target itself."""
    asked = [(ask, got) for ask, got in zip(session.asks, served, strict=True) if "coin" in ask.facts]
    hit = [any(document.id == session.target for document in got) for _, got in asked]
    right = sum(found or bool(ask.facts["coin"]) for found, (ask, _) in zip(hit, asked, strict=True))
    return {
        "score": right / len(asked) if asked else None,
        "hits": float(sum(hit)),
        "exposed": float(any(hit)),
    }


class InterrogationBase(Attack):
    """One session a target; a form of the attack says how its asks are put."""

    prefix: ClassVar[str]

    def asks(self, target: MembershipTarget, data: Dataset, seed: int) -> list[Ask]:
        """What is asked about one target, in order."""
        return probes(target, seed)

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """Members and non-members alike."""
        return [
            Session(f"{self.prefix}-{t.id}", tuple(self.asks(t, data, seed)), member=t.member, target=t.id)
            for t in data.interrogated
        ]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Share answered rightly; hits among the probes."""
        return interrogation_scores(session, served)
