"""Reaction: does what the defense does about a probe tell whether the target is there?

What is served on the probe does not count: that is the probe's own figure. A client probes a target and then asks five
benign questions. The attacker compares how many documents came, whether any came, how long it took, and how the five
questions were served beside what a client without a past gets. A classifier over these, cross-fitted by session, says
how well they tell members from others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session, rng
from benchmarks.attacks._interrogation import probes
from benchmarks.attacks.mba import Mba
from benchmarks.attacks.mba_cloze import MbaCloze
from benchmarks.data import Dataset
from benchmarks.samples import Sample
from sentinel.vocabulary import Threat

AFTERWARDS = 5
FOLDS = 5
REPEATS = 3
"""Times that each session is asked of a service of its own; latencies are medians of these."""
FEWEST = 2 * FOLDS
"""Sessions of a kind below which nothing is fitted."""
STRENGTH = 0.1
"""Inverse of the classifier's penalty: few sessions must not teach it chance."""


class Reaction(Attack):
    """Probes of three kinds on every target, members and non-members alike; the group is the kind."""

    manifest = AttackManifest(
        name="reaction",
        summary="counts, refusals, latency and later service after probes, read by a cross-fitted classifier",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("membership", "queries"),
        run_only=True,
        repeats=REPEATS,
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """Probe, five benign questions of the same client, and the same five of a client who has asked nothing yet."""
        interrogated = [
            Session(f"interrogation-{t.id}", tuple(probes(t, seed)), member=t.member, target=t.id)
            for t in data.interrogated
        ]
        kinds = {
            "mba": Mba().sessions(data, seed),
            "mba-cloze": MbaCloze().sessions(data, seed),
            "interrogation": interrogated,
        }
        made = []
        for kind, sessions in kinds.items():
            for session in sessions:
                key = f"reaction-{session.id}"
                after = _afterwards(data, str(session.target), rng(seed, key))
                innocent = [replace(ask, client=f"{key}-innocent") for ask in after]
                asks = (*[Ask(ask.query) for ask in session.asks], *after, *innocent)
                made.append(Session(key, asks, kind, session.member, session.target))
        return made

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """What can be seen but for the time: documents and empty answers, and how the five questions fared."""
        probed, after, innocent = served[: -2 * AFTERWARDS], served[-2 * AFTERWARDS : -AFTERWARDS], served[-AFTERWARDS:]
        same = [_shared(mine, others) for mine, others in zip(after, innocent, strict=True)]
        ordered = [[d.id for d in mine] == [d.id for d in others] for mine, others in zip(after, innocent, strict=True)]
        return {
            "documents": float(np.mean([len(got) for got in probed])),
            "fewest_documents": float(min(len(got) for got in probed)),
            "refused": float(np.mean([not got for got in probed])),
            "after_documents": float(np.mean([len(got) for got in after])),
            "after_refused": float(np.mean([not got for got in after])),
            "after_same": float(np.mean(same)),
            "after_least_same": float(min(same)),
            "after_unchanged": float(np.mean(ordered)),
        }

    def judged(self, samples: Sequence[Sample]) -> list[Sample]:
        """Out-of-fold scores of three attackers: with latency, without it, and with the work done in its place.

        The second and third come out the same on every machine. The work (defenses run, candidates fetched) bounds
        what a perfect stopwatch could tell.
        """
        made = {s.session: dict(s.values) for s in samples}
        for kind in sorted({str(s.group) for s in samples}):
            chosen = [s for s in samples if str(s.group) == kind]
            members = np.array([bool(s.member) for s in chosen])
            if min(members.sum(), (~members).sum()) < FEWEST:
                continue
            seen = np.array([[s.values[name] or 0.0 for name in SEEN] for s in chosen], dtype=np.float64)
            latency = np.array([_latency(s) for s in chosen], dtype=np.float64)
            work = np.array([_work(s) for s in chosen], dtype=np.float64)
            for name, features in (
                ("score", np.hstack([seen, latency])),
                ("score_untimed", seen),
                ("score_work", np.hstack([seen, work])),
            ):
                for sample, score in zip(chosen, _cross_fitted(features, members), strict=True):
                    made[sample.session][name] = float(score)
        return [replace(s, values=made[s.session]) for s in samples]


SEEN = (
    "documents", "fewest_documents", "refused", "after_documents", "after_refused", "after_same", "after_least_same",
    "after_unchanged",
)  # fmt: skip


def _afterwards(data: Dataset, target: str, draw: random.Random) -> list[Ask]:
    """Five benign questions that have nothing to do with the target."""
    free = [query for query in data.queries if target not in query.gold]
    chosen = draw.sample(free, min(AFTERWARDS, len(free)))
    while chosen and len(chosen) < AFTERWARDS:
        chosen.append(draw.choice(chosen))
    return [Ask(q.text, q.gold, q.short_answer) for q in chosen]


def _shared(mine: Sequence[Served], others: Sequence[Served]) -> float:
    """Share of what a client without a past gets that this one gets as well."""
    wanted = {document.id for document in others}
    return len(wanted & {document.id for document in mine}) / len(wanted) if wanted else 1.0


def _latency(sample: Sample) -> list[float]:
    """Median logarithm of the milliseconds of the probes, of the slowest one, and of the questions afterwards.

    Afterwards counts what the questions took beyond the same ones of a client without a past.
    """
    times = np.log([a + b + 1e-3 for a, b in zip(sample.overhead_ms, sample.retrieve_ms, strict=True)])
    probed, after, innocent = times[: -2 * AFTERWARDS], times[-2 * AFTERWARDS : -AFTERWARDS], times[-AFTERWARDS:]
    return [float(np.median(probed)), float(probed.max()), float(np.median(after - innocent))]


def _work(sample: Sample) -> list[float]:
    """Defenses run and candidates fetched, on average: for the probes, and afterwards beyond the innocent client's."""
    values = []
    for counts in (sample.defenses_run, sample.fetched):
        work = np.array(counts, dtype=np.float64)
        after = work[-2 * AFTERWARDS : -AFTERWARDS] - work[-AFTERWARDS:]
        values += [float(work[: -2 * AFTERWARDS].mean()), float(after.mean())]
    return values


def _cross_fitted(features: NDArray[np.float64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """P(member) of each session by a logistic regression that did not see it, as ranks in [0, 1] within its fold.

    Ranks, because folds differ in their intercept by chance, which would otherwise pass for knowledge.
    """
    from scipy.stats import rankdata
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = np.zeros(len(members))
    for fit, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, members):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1_000))
        model.fit(features[fit], members[fit])
        chances = model.decision_function(features[test])
        scores[test] = (rankdata(np.round(chances, 9)) - 0.5) / len(test)
    return scores
