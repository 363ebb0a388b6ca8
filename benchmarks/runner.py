"""Runs every policy against every attack, session by session, and can be interrupted at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from langchain_core.embeddings import Embeddings

from benchmarks.adapting import Forms, searchable
from benchmarks.answer_scores import SLICE
from benchmarks.answering import AnswerOnlyPolicy, Answers
from benchmarks.artefacts import Artefacts
from benchmarks.asking import Job, run_sessions
from benchmarks.attacks import ATTACKS, Family, Planted, Session, rng
from benchmarks.code_hash import code_hash
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.oracle import NAME as ORACLE
from benchmarks.oracle import OraclePolicy
from benchmarks.own_targets import MEMBERSHIP, POISON, counted
from benchmarks.runfolder import SPLIT, SUMMARY, RunFolder
from benchmarks.samples import Sample
from benchmarks.splits import split
from benchmarks.summary import CLEAN, REFERENCE, UNDEFENDED, cells
from benchmarks.world import KnownEmbeddings, World, build_world
from sentinel import __version__
from sentinel.errors import ConfigurationError, DataError
from sentinel.vocabulary import MAX_K
from strategist.embeddings import fingerprint
from strategist.policies import Policy, calibrated

BATCH = 50
"""Samples between two writes to disk: what an interruption may lose is work, never finished lines."""

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Settings:
    """What a run measures.

    Attributes:
        policies: Names or instances; `none` is always run, since every figure is relative to it.
        attacks: Names.
        k: Documents served.
        seed: Of sessions, splits and randomised defenses.
        limit: At most this many sessions per attack; None for all.
        split: Score only the test part of benign sessions.
        metrics: Names to compute; None for all.
        artefacts: What the policies know of the corpus; None for what is shipped.
        answers: What answers from what is served; None for the context stage alone.
    """

    policies: Sequence[str | Policy]
    attacks: Sequence[str]
    k: int = 5
    seed: int = 0
    limit: int | None = None
    split: bool = True
    metrics: Sequence[str] | None = None
    artefacts: Artefacts | None = None
    answers: Answers | None = None

    def resolved_policies(self) -> dict[str, Policy]:
        """Policies by name, `none` first."""
        known = None if self.artefacts is None else self.artefacts.calibration
        alone = [AnswerOnlyPolicy()] if self.answers is not None and self.answers.defends else []
        made = [
            OraclePolicy(**({} if known is None else {"calibration": known}))
            if policy == ORACLE
            else calibrated(policy, known)
            for policy in (REFERENCE, *alone, *self.policies)
        ]
        return {policy.manifest.name: policy for policy in made}


def check_k(k: int) -> None:
    """Refuse a number of documents that no figure can be computed for.

    Raises:
        ConfigurationError: k is below 1 or above `MAX_K`.
    """
    if not 1 <= k <= MAX_K:
        raise ConfigurationError(f"k must be a whole number from 1 to {MAX_K:,}, not {k}")


def servable(data: Dataset, *, full: bool, generator: bool = False) -> list[str]:
    """The attacks for which a data set brings what they need, benign traffic first.

    Args:
        data: The data set.
        full: All of them; else those that a run measures by default, which take a minute on the bundled data.
        generator: Whether there is one: some have nothing to score without answers, and few are measured by default.
    """
    manifests = {name: ATTACKS.get(name).manifest for name in ATTACKS.names()}
    names = [
        name
        for name, manifest in manifests.items()
        if (full or (name in SLICE if generator else manifest.default))
        and (generator or not manifest.needs_generator)
        and all(getattr(data, need) for need in manifest.needs)
    ]
    return sorted(searchable(names, data, 0), key=lambda name: (list(Family).index(manifests[name].family), name))


def config(data: Dataset, settings: Settings, embeddings: str, generator: str, calibration: str) -> dict[str, Any]:
    """The resolved configuration: whatever changes a figure stands in it, the code included."""
    return {
        "schema": 1,
        "version": __version__,
        "code": code_hash(),
        "data": {"name": data.name, "hash": data.hash, **({"made": made} if (made := counted(data)) else {})},
        "policies": {
            name: policy.model_dump(mode="json", exclude={"calibration"})
            for name, policy in settings.resolved_policies().items()
        },
        "attacks": list(settings.attacks),
        "metrics": list(settings.metrics) if settings.metrics else None,
        "embeddings": embeddings,
        "generator": generator,
        **({} if settings.answers is None else {"answers": settings.answers.config()}),
        "calibration": calibration,
        "limit": settings.limit,
        "k": settings.k,
        "seed": settings.seed,
    }


def prepare(data: Dataset, settings: Settings) -> list[Job]:
    """Everything that will be asked.

    Raises:
        DataError: The data set lacks what an attack needs.
    """
    jobs: list[Job] = []
    searches = searchable(settings.attacks, data, settings.seed)
    for name in settings.attacks:
        attack = ATTACKS.get(name)()
        if attack.manifest.needs_generator and settings.answers is None:
            raise ConfigurationError(f"attack {name!r} scores what is answered; give --generator")
        for need in attack.manifest.needs:
            if not getattr(data, need):
                small = " and is too small to make any" if need in (MEMBERSHIP, POISON) else ""
                raise DataError(f"{data.folder}: attack {name!r} needs {need}, and the data set brings none{small}")
        if name not in searches:
            raise DataError(f"{data.folder}: attack {name!r} finds no passage that nothing else needs, to be tried on")
        everything = attack.sessions(data, settings.seed)
        benign = attack.manifest.family is Family.BENIGN
        parts = split(everything, settings.seed, name) if benign and settings.split else {}
        sessions = _limited([s for s in everything if parts.get(s.id, "test") == "test"], settings, name)
        planted = attack.planted(data, settings.seed)
        traffic = everything if attack.manifest.at_once > 1 else ()
        jobs.append(Job(name, attack, sessions, planted, parts, traffic))
        if planted:
            jobs.append(Job(name + CLEAN, attack, sessions, ()))
    return jobs


def _limited(sessions: list[Session], settings: Settings, name: str) -> list[Session]:
    if settings.limit is None or len(sessions) <= settings.limit:
        return sessions
    if settings.answers is not None:
        # The same targets for every attack: what 1, 3 and 5 documents do is told on the same questions, and what is
        # served alike is answered once.
        drawn = sorted(sessions, key=lambda session: rng(settings.seed, "limit", session.target or session.id).random())
        kept = {session.id for session in drawn[: settings.limit]}
        return [session for session in sessions if session.id in kept]
    chosen = set(rng(settings.seed, "limit", name).sample(range(len(sessions)), settings.limit))
    return [session for i, session in enumerate(sessions) if i in chosen]


def execute(
    data: Dataset, settings: Settings, model: Embeddings, folder: RunFolder, report: Report = lambda *_: None
) -> dict[str, Any]:
    """Run what is not finished yet and write the summary.

    Args:
        data: The data set.
        settings: What to measure.
        model: Embeds passages and queries; vectors are cached on disk by content.
        folder: Where samples and summary go.
        report: Told of progress.

    Returns:
        The summary, as it stands in `summary.json`.
    """
    jobs = prepare(data, settings)
    folder.write(SPLIT, {job.name: job.parts for job in jobs if job.parts})
    done = folder.samples()
    works = list(_works(jobs, settings.resolved_policies()))
    todo = [(work, [s for s in work.job.sessions if (*work.key, s.id) not in done]) for work in works]
    asks = sum(len(session.asks) for _, sessions in todo for session in sessions)
    if asks:
        corpora = _Corpora(data, _embedded(data, jobs, model, report), settings.seed)
        models = None if settings.artefacts is None else settings.artefacts.models
        forms = Forms(data, corpora.embeddings, folder, settings.seed, settings.k, report, models)
        finished = 0
        for work, sessions in todo:
            if not sessions:
                continue
            job = work.job
            if work.against is not None:
                job, sessions = forms.against(work.against, job, sessions)
            pending: list[Sample] = []
            world = corpora.with_planted(job.planted)
            answers = settings.answers if settings.answers is not None and settings.answers.reads(job.attack) else None
            asked = (job, work.policy, sessions, world, settings.seed, settings.k, models, answers)
            for sample in run_sessions(*asked):
                done[sample.key] = sample
                pending.append(sample)
                finished += len(sample.served) or 1
                if len(pending) == BATCH:
                    folder.append(pending)
                    pending = []
                    report(" · ".join(work.key), finished, asks)
            folder.append(pending)
            report(" · ".join(work.key), finished, asks)
    order = [s for work in works for x in work.job.sessions if (s := done.get((*work.key, x.id)))]
    summary = {
        "schema": 1,
        "run": {**folder.config, **_known(settings.artefacts), **_forms(order)},
        "cells": cells(order, data.name, settings.metrics),
    }
    folder.write(SUMMARY, summary)
    return summary


def _known(found: Artefacts | None) -> dict[str, Any]:
    """What the summary says of the artefacts."""
    if found is None:
        return {}
    promised = {kind: promise.model_dump() for kind, promise in found.calibration.promises.items()}
    return {
        "artefacts": {
            "from": found.note,
            "models": found.models.hash,
            "calibration": found.calibration.hash,
            "price": found.calibration.price,
            "promises": promised,
        }
    }


def _forms(samples: Sequence[Sample]) -> dict[str, Any]:
    """What the summary says of the form in which a generator was asked to fill in blanks, by attack."""
    forms = {s.attack: s.form for s in samples if s.form is not None}
    return {"forms": forms} if forms else {}


class _Work(NamedTuple):
    """One attack under one policy.

    Attributes:
        job: The attack.
        policy: Who serves.
        against: The policy that the attack has searched against; None for the form that it has by itself.
    """

    job: Job
    policy: Policy
    against: Policy | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Policy and attack as samples name them."""
        return self.policy.manifest.name, self.job.name


def _works(jobs: Sequence[Job], policies: Mapping[str, Policy]) -> Iterator[_Work]:
    """What is to be run, in order.

    Only `none` meets an attack's questions before anything is planted. An adaptive attack is asked of `none` in its
    plain form, and of every other policy in the form that was found against it, which is asked of `none` as well: what
    it still gets there tells whether it is worth the name.
    """
    for job in jobs:
        for name, policy in policies.items():
            if name == REFERENCE:
                yield _Work(job, policy)
            elif not job.name.endswith(CLEAN):
                against = policy if job.attack.manifest.plain else None
                yield _Work(job, policy, against)
                if against is not None:
                    yield _Work(replace(job, name=job.name + UNDEFENDED + name), policies[REFERENCE], against)


class _Corpora:
    """The clean corpus, and the last one that something was planted in."""

    def __init__(self, data: Dataset, embeddings: KnownEmbeddings, seed: int) -> None:
        self.embeddings = embeddings
        self._data, self._seed = data, seed
        self._clean = build_world(data, (), embeddings, seed)
        self._planted: tuple[Planted, ...] = ()
        self._world = self._clean

    def with_planted(self, planted: Sequence[Planted]) -> World:
        """The corpus with these documents in it."""
        if tuple(planted) != self._planted:
            self._planted = tuple(planted)
            self._world = build_world(self._data, planted, self.embeddings, self._seed) if planted else self._clean
        return self._world


def texts_of_default_run(data: Dataset) -> tuple[list[str], list[str]]:
    """Every passage and query that a run of the default attacks embeds at seed 0: what is frozen with a data set."""
    settings = Settings([REFERENCE], servable(data, full=False), split=False)
    return _texts(data, prepare(data, settings))


def _texts(data: Dataset, jobs: Sequence[Job]) -> tuple[list[str], list[str]]:
    passages = [p.text for p in data.passages] + [item.text for job in jobs for item in job.planted]
    return passages, [ask.query for job in jobs for session in job.asked for ask in session.asks]


def _embedded(data: Dataset, jobs: Sequence[Job], model: Embeddings, report: Report) -> KnownEmbeddings:
    known = frozen_vectors(data, fingerprint(model))
    return KnownEmbeddings(model, *_texts(data, jobs), known, lambda done, total: report("embedding", done, total))
