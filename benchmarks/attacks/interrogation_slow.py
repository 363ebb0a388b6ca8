"""Interrogation hidden in ordinary use: four benign questions of the same client for each question on the target."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.attacks import Ask, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._benign import recall
from benchmarks.attacks._interrogation import SOURCE, InterrogationBase, interrogation_scores, probes
from benchmarks.data import Dataset, MembershipTarget, Query
from sentinel.vocabulary import Threat

COVER = 4
"""Benign questions for each probe."""


class InterrogationSlow(InterrogationBase):
    """Every block of five asks has one probe, at a random place in it."""

    prefix = "interrogation-slow"
    manifest = AttackManifest(
        name="interrogation-slow",
        summary="the target's yes/no questions, mixed 1:4 with benign ones of the same client",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("interrogated", "queries"),
        source=SOURCE,
    )

    def asks(self, target: MembershipTarget, data: Dataset, seed: int) -> list[Ask]:
        """Probes in their order, between benign questions."""
        asked = probes(target, seed)
        draw = rng(seed, self.prefix, target.id)
        cover = [Ask(q.text, q.gold, q.short_answer) for q in cover_questions(target, data, COVER * len(asked), draw)]
        mixed: list[Ask] = []
        for number, probe in enumerate(asked):
            block = cover[COVER * number : COVER * (number + 1)]
            block.insert(draw.randint(0, len(block)), probe)
            mixed.extend(block)
        return mixed

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Probes as in the plain form, and what the benign questions still got."""
        return slow_scores(session, served)


def slow_scores(session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
    """Scores of the probes, and recall of the benign questions around them."""
    recalls = [recall(ask, got) for ask, got in zip(session.asks, served, strict=True) if ask.gold]
    return interrogation_scores(session, served) | {"recall": sum(recalls) / len(recalls) if recalls else None}


def cover_questions(target: MembershipTarget, data: Dataset, count: int, draw: random.Random) -> list[Query]:
    """Questions of one subject where it has enough of them, none of them on the target."""
    free = [query for query in data.queries if target.id not in query.gold]
    if not free:
        return []
    group = draw.choice(free).group
    same = [query for query in free if query.group == group]
    pool = same if len(same) >= count else free
    taken: list[Query] = []
    while len(taken) < count:  # a small data set has to repeat itself
        taken += draw.sample(pool, min(len(pool), count - len(taken)))
    return taken
