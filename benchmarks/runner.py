"""Runs every policy against every attack, session by session, and can be interrupted at any time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig

from benchmarks.attacks import ATTACKS, Attack, Family, Planted, Served, Session, rng
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.runfolder import SPLIT, SUMMARY, RunFolder
from benchmarks.samples import Sample
from benchmarks.splits import split
from benchmarks.summary import CLEAN, REFERENCE, cells
from benchmarks.world import KnownEmbeddings, World, build_world
from defenses import Resources, SeededRandomSource
from sentinel import __version__
from sentinel.errors import ConfigurationError, DataError
from sentinel.models import shipped_models
from sentinel.vocabulary import MAX_K
from strategist import Decision, DefendedRetriever
from strategist.embeddings import fingerprint
from strategist.policies import Policy, build_policy

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
    """

    policies: Sequence[str | Policy]
    attacks: Sequence[str]
    k: int = 5
    seed: int = 0
    limit: int | None = None
    split: bool = True
    metrics: Sequence[str] | None = None

    def resolved_policies(self) -> dict[str, Policy]:
        """Policies by name, `none` first."""
        made = [build_policy(policy) for policy in (REFERENCE, *self.policies)]
        return {policy.manifest.name: policy for policy in made}


@dataclass
class Clock:
    """Simulated monotonic time: arrival times belong to the sample, not to the machine's speed."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@dataclass(frozen=True)
class _Job:
    """One attack with its sessions, against the corpus it has planted in or against the clean one."""

    name: str
    attack: Attack
    sessions: Sequence[Session]
    planted: Sequence[Planted]
    parts: dict[str, str] = field(default_factory=dict)


def check_k(k: int) -> None:
    """Refuse a number of documents that no figure can be computed for.

    Raises:
        ConfigurationError: k is below 1 or above `MAX_K`.
    """
    if not 1 <= k <= MAX_K:
        raise ConfigurationError(f"k must be a whole number from 1 to {MAX_K:,}, not {k}")


def servable(data: Dataset, *, full: bool) -> list[str]:
    """The attacks for which a data set brings what they need, benign traffic first.

    Args:
        data: The data set.
        full: All of them; else those that a run measures by default, which take a minute on the bundled data.
    """
    manifests = {name: ATTACKS.get(name).manifest for name in ATTACKS.names()}
    names = [
        name
        for name, manifest in manifests.items()
        if (full or manifest.default) and all(getattr(data, need) for need in manifest.needs)
    ]
    return sorted(names, key=lambda name: (list(Family).index(manifests[name].family), name))


def config(data: Dataset, settings: Settings, embeddings: str, generator: str, calibration: str) -> dict[str, Any]:
    """The resolved configuration: whatever changes a figure stands in it, the code included."""
    return {
        "schema": 1,
        "version": __version__,
        "code": _code_hash(),
        "data": {"name": data.name, "hash": data.hash},
        "policies": {name: policy.model_dump(mode="json") for name, policy in settings.resolved_policies().items()},
        "attacks": list(settings.attacks),
        "metrics": list(settings.metrics) if settings.metrics else None,
        "embeddings": embeddings,
        "generator": generator,
        "calibration": calibration,
        "limit": settings.limit,
        "k": settings.k,
        "seed": settings.seed,
    }


def _code_hash() -> str:
    """First 16 hexadecimal digits of the SHA-256 over the four packages' sources and models."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for package in ("sentinel", "defenses", "strategist", "benchmarks"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".json") and path.is_file():
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def prepare(data: Dataset, settings: Settings) -> list[_Job]:
    """Everything that will be asked.

    Raises:
        DataError: The data set lacks what an attack needs.
    """
    jobs: list[_Job] = []
    for name in settings.attacks:
        attack = ATTACKS.get(name)()
        for need in attack.manifest.needs:
            if not getattr(data, need):
                raise DataError(f"{data.folder}: attack {name!r} needs {need}, and the data set brings none")
        sessions = attack.sessions(data, settings.seed)
        benign = attack.manifest.family is Family.BENIGN
        parts = split(sessions, settings.seed, name) if benign and settings.split else {}
        sessions = _limited([s for s in sessions if parts.get(s.id, "test") == "test"], settings, name)
        planted = attack.planted(data, settings.seed)
        jobs.append(_Job(name, attack, sessions, planted, parts))
        if planted:
            jobs.append(_Job(name + CLEAN, attack, sessions, ()))
    return jobs


def _limited(sessions: list[Session], settings: Settings, name: str) -> list[Session]:
    if settings.limit is None or len(sessions) <= settings.limit:
        return sessions
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
    policies = settings.resolved_policies()
    done = folder.samples()
    todo = [
        (job, policy, [s for s in job.sessions if (name, job.name, s.id) not in done])
        for job in jobs
        for name, policy in policies.items()
        if name == REFERENCE or not job.name.endswith(CLEAN)
    ]
    asks = sum(len(session.asks) for _, _, sessions in todo for session in sessions)
    if asks:
        embeddings = _embedded(data, jobs, model, report)
        finished = 0
        clean = build_world(data, (), embeddings, settings.seed)
        world = clean
        planted: tuple[Planted, ...] = ()
        for job, policy, sessions in todo:
            if not sessions:
                continue
            if tuple(job.planted) != planted:
                planted = tuple(job.planted)
                world = build_world(data, planted, embeddings, settings.seed) if planted else clean
            pending: list[Sample] = []
            for sample in run_sessions(job, policy, sessions, world, settings.seed, settings.k):
                done[sample.key] = sample
                pending.append(sample)
                finished += len(sample.served) or 1
                if len(pending) == BATCH:
                    folder.append(pending)
                    pending = []
                    report(f"{policy.manifest.name} · {job.name}", finished, asks)
            folder.append(pending)
            report(f"{policy.manifest.name} · {job.name}", finished, asks)
    order = [s for job in jobs for name in policies for x in job.sessions if (s := done.get((name, job.name, x.id)))]
    summary = {
        "schema": 1,
        "run": folder.config,
        "cells": cells(order, data.name, settings.metrics),
    }
    folder.write(SUMMARY, summary)
    return summary


def texts_of_default_run(data: Dataset) -> tuple[list[str], list[str]]:
    """Every passage and query that a run of the default attacks embeds at seed 0: what is frozen with a data set."""
    settings = Settings([REFERENCE], servable(data, full=False), split=False)
    return _texts(data, prepare(data, settings))


def _texts(data: Dataset, jobs: Sequence[_Job]) -> tuple[list[str], list[str]]:
    passages = [p.text for p in data.passages] + [item.text for job in jobs for item in job.planted]
    return passages, [ask.query for job in jobs for session in job.sessions for ask in session.asks]


def _embedded(data: Dataset, jobs: Sequence[_Job], model: Embeddings, report: Report) -> KnownEmbeddings:
    known = frozen_vectors(data, fingerprint(model))
    return KnownEmbeddings(model, *_texts(data, jobs), known, lambda done, total: report("embedding", done, total))


def run_sessions(
    job: _Job, policy: Policy, sessions: Sequence[Session], world: World, seed: int, k: int
) -> Iterator[Sample]:
    """Ask every session's questions of a defended retriever over one corpus.

    A session is one client, unless an ask names another; its questions arrive about a minute apart on a simulated
    clock. An exception makes the session an error, with the rest of the run unharmed.
    """
    clock = Clock()
    arrivals = _arrivals(job.sessions, seed)
    decisions: list[Decision] = []
    retriever = DefendedRetriever.wrap(
        world.store,
        k=k,
        policy=policy,
        models=shipped_models(),
        resources=Resources(random=SeededRandomSource(seed)),
        sinks=[decisions.append],
        clock=clock,
    )
    for session in sessions:
        client = session.client or session.id
        served: list[list[Served]] = []
        decisions.clear()
        error = None
        values: dict[str, float | None] = {}
        try:
            for ask, arrival in zip(session.asks, arrivals[session.id], strict=True):
                clock.now = arrival
                config: RunnableConfig = {"configurable": {"client_id": ask.client or client}}
                documents = retriever.invoke(ask.query, config)
                served.append([Served(str(d.id), d.page_content, world.planted.get(str(d.id))) for d in documents])
            values = job.attack.score(session, served)
        except Exception as failure:  # one session's failure is a figure of the run, not its end
            error = f"{type(failure).__name__}: {failure}"
        yield Sample(
            policy.manifest.name,
            job.name,
            session.id,
            session.group,
            job.parts.get(session.id),
            session.member,
            values,
            tuple(tuple(document.id for document in got) for got in served),
            tuple(bool(d.plan.defenses) for d in decisions),
            tuple(_rounded(d, beyond=True) for d in decisions),
            tuple(_rounded(d, beyond=False) for d in decisions),
            error,
        )


def _arrivals(sessions: Sequence[Session], seed: int) -> dict[str, list[float]]:
    """When each ask comes, by session id: the same whatever is finished already, since random draws depend on it."""
    now = 0.0
    times: dict[str, list[float]] = {}
    for session in sessions:
        draw = rng(seed, "arrivals", session.id)
        times[session.id] = [now := now + draw.expovariate(1 / 60) for _ in session.asks]
    return times


def _rounded(decision: Decision, *, beyond: bool) -> float:
    spent = decision.milliseconds
    base = spent.get("embed", 0.0) + spent.get("fetch", 0.0)
    return round(spent["total"] - base if beyond else base, 4)
