"""Interrogation hidden in ordinary use, by an attacker who knows the defense: how much cover, how long, by how many."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from benchmarks.attacks import Ask, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._adaptive_search import AdaptiveAttack
from benchmarks.attacks._cloze import is_content
from benchmarks.attacks._interrogation import SOURCE, probes
from benchmarks.attacks._substitutes import substitute
from benchmarks.attacks.interrogation_slow import COVER, cover_questions, slow_scores
from benchmarks.data import Dataset, MembershipTarget
from benchmarks.questions import opened
from sentinel.text import words
from sentinel.vocabulary import Threat

NEVER = 1_000
"""More probes than any target has."""


class InterrogationSlowAdaptive(AdaptiveAttack):
    """The plain form's probes, mixed, timed, dealt out and worded as gets through best."""

    manifest = AttackManifest(
        name="interrogation-slow@adaptive",
        summary="interrogation-slow in the form that a search on other targets found best against the policy",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("interrogated", "queries"),
        plain="interrogation-slow",
        run_only=True,
        source=SOURCE,
    )
    dimensions: ClassVar = {
        "cover": (COVER, 1, 8),
        "pause": (60.0, 1_800.0, 43_200.0),
        "probes a client": (NEVER, 5, 2),
        "wording": ("as given", "open", "keywords", "other words"),
    }
    sample = 20

    def targets(self, data: Dataset) -> list[tuple[str, bool | None]]:
        """Those with questions."""
        return [(target.id, target.member) for target in data.interrogated]

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """Members and non-members alike."""
        return [
            Session(
                f"interrogation-slow-adaptive-{t.id}",
                tuple(self._asks(t, data, seed)),
                member=t.member,
                target=t.id,
            )
            for t in data.interrogated
        ]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Probes as in the plain form, and what the benign questions still got."""
        return slow_scores(session, served)

    def _asks(self, target: MembershipTarget, data: Dataset, seed: int) -> list[Ask]:
        asked = probes(target, seed)
        # The plain form's draws, so that it is the plain form where nothing is changed.
        draw, worded = rng(seed, "interrogation-slow", target.id), rng(seed, self.manifest.name, target.id)
        size = self.form["cover"]
        cover = [Ask(q.text, q.gold, q.short_answer) for q in cover_questions(target, data, size * len(asked), draw)]
        mixed: list[Ask] = []
        for number, probe in enumerate(asked):
            block = cover[size * number : size * (number + 1)]
            reworded = replace(probe, query=_worded(probe.query, self.form["wording"], worded))
            block.insert(draw.randint(0, len(block)), reworded)
            turn = number // self.form["probes a client"]
            client = f"slow-adaptive-{target.id}-{turn}" if turn else None
            mixed += [replace(ask, client=client, pause=self.form["pause"]) for ask in block]
        return mixed


def _worded(question: str, how: str, draw: random.Random) -> str:
    if how == "open":
        return opened(question, draw)
    if how == "keywords":
        return " ".join(word for word in words(question) if is_content(word)) or question
    if how == "other words":
        return " ".join(
            (is_content(piece.lower().strip("?.,")) and draw.random() < 0.5 and substitute(piece, draw)) or piece
            for piece in question.split()
        )
    return question
