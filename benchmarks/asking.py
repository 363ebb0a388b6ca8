"""Asking the questions of an attack's sessions of a defended retriever: who comes when, and what each got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.runnables import RunnableConfig

from benchmarks.attacks import Ask, Attack, Planted, Served, Session, rng
from benchmarks.oracle import OraclePolicy
from benchmarks.samples import Sample
from benchmarks.world import World
from defenses import Resources, SeededRandomSource
from sentinel.models import ThreatModels, shipped_models
from strategist import Decision, DefendedRetriever
from strategist.policies import Policy
from strategist.resilience import Resilience

PATIENT = Resilience.unlimited().model_copy(update={"failures": None})
"""No time limits and no breaker that opens and closes by the clock: a slow machine changes no result."""


@dataclass
class Clock:
    """Simulated monotonic time: arrival times belong to the sample, not to the machine's speed."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@dataclass(frozen=True)
class Job:
    """One attack with its sessions, against the corpus it has planted in or against the clean one.

    Attributes:
        name: Under which its samples are written.
        attack: Scores them.
        sessions: What is scored.
        planted: What stands in the corpus meanwhile.
        parts: For benign traffic, the part of the split that each session belongs to.
        traffic: What is asked where that is more than what is scored: users at the same time make each other's past.
    """

    name: str
    attack: Attack
    sessions: Sequence[Session]
    planted: Sequence[Planted]
    parts: dict[str, str] = field(default_factory=dict)
    traffic: Sequence[Session] = ()

    @property
    def asked(self) -> Sequence[Session]:
        """Everything that is asked."""
        return self.traffic or self.sessions


class Service:
    """A retriever under one policy, with a simulated clock and a past of its own.

    Args:
        policy: The policy.
        world: The corpus.
        seed: Of randomised defenses.
        k: Documents served.
        models: From signals to probabilities; None for the shipped ones.
    """

    def __init__(self, policy: Policy, world: World, seed: int, k: int, models: ThreatModels | None = None) -> None:
        self._world = world
        self._clock = Clock()
        self._decisions: list[Decision] = []
        self._retriever = DefendedRetriever.wrap(
            world.store,
            k=k,
            policy=policy,
            models=models or shipped_models(),
            resilience=PATIENT,
            resources=Resources(random=SeededRandomSource(seed)),
            sinks=[self._decisions.append],
            clock=self._clock,
        )

    def ask(self, ask: Ask, client: str, at: float) -> tuple[list[Served], Decision]:
        """Serve one question.

        Args:
            ask: The question.
            client: Who asks, unless the question names another.
            at: Seconds on the simulated clock.
        """
        self._clock.now = at
        self._decisions.clear()
        config: RunnableConfig = {"configurable": {"client_id": ask.client or client}}
        documents = self._retriever.invoke(ask.query, config)
        served = [Served(str(d.id), d.page_content, self._world.planted.get(str(d.id))) for d in documents]
        return served, self._decisions[-1]


@dataclass
class _Outcome:
    """What a session has come to so far; times are those of each repetition."""

    left: int
    served: list[list[Served]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    overhead: list[list[float]] = field(default_factory=list)
    retrieve: list[list[float]] = field(default_factory=list)
    error: str | None = None


def run_sessions(
    job: Job,
    policy: Policy,
    sessions: Sequence[Session],
    world: World,
    seed: int,
    k: int,
    models: ThreatModels | None = None,
) -> Iterator[Sample]:
    """Ask every session's questions of a defended retriever over one corpus.

    A session is one client, unless it or an ask names another; its questions arrive about a minute apart on a simulated
    clock. An exception makes the session an error, with the rest of the run unharmed.

    Args:
        job: What they belong to.
        policy: The policy.
        sessions: Those that samples are wanted of. Where sessions run at the same time, all of them are asked.
        world: The corpus.
        seed: Of arrivals and randomised defenses.
        k: Documents served.
        models: From signals to probabilities; None for the shipped ones.
    """
    manifest = job.attack.manifest
    if isinstance(policy, OraclePolicy):
        policy = policy.told(manifest.name)
    services = [Service(policy, world, seed, k, models) for _ in range(manifest.repeats)]
    wanted = {session.id for session in sessions}
    outcomes: dict[str, _Outcome] = {}
    for at, session, number in schedule(job.asked, seed, manifest.at_once):
        if manifest.at_once == 1 and session.id not in wanted:
            continue
        outcome = outcomes.setdefault(session.id, _Outcome(len(session.asks)))
        outcome.left -= 1
        if outcome.error is None:
            try:
                _ask(outcome, services, session.asks[number], session.client or session.id, at)
            except Exception as failure:  # one session's failure is a figure of the run, not its end
                outcome.error = f"{type(failure).__name__}: {failure}"
        if not outcome.left and session.id in wanted:
            yield _sample(job, policy, session, outcomes.pop(session.id))


def schedule(sessions: Sequence[Session], seed: int, at_once: int = 1) -> list[tuple[float, Session, int]]:
    """When each ask comes: the same whatever is finished already, since random draws depend on it.

    Args:
        sessions: All sessions of a job.
        seed: Of the pauses.
        at_once: How many users there are; each takes up a session as soon as the last one is through.

    Returns:
        Seconds, session and 0-based number of the ask, in the order of arrival.
    """
    now = [0.0] * at_once
    times: list[tuple[float, Session, int]] = []
    for user, session in enumerate(sessions):
        draw = rng(seed, "arrivals", session.id)
        for number, ask in enumerate(session.asks):
            now[user % at_once] += draw.expovariate(1 / ask.pause)
            times.append((now[user % at_once], session, number))
    return sorted(times, key=lambda arrival: arrival[0])


def _ask(outcome: _Outcome, services: Sequence[Service], ask: Ask, client: str, at: float) -> None:
    """Ask once of each service: all of them answer alike, at times that differ by chance."""
    answers = [service.ask(ask, client, at) for service in services]
    served, decision = answers[0]
    outcome.served.append(served)
    outcome.decisions.append(decision)
    searched = [d.milliseconds.get("embed", 0.0) + d.milliseconds.get("fetch", 0.0) for _, d in answers]
    outcome.retrieve.append(searched)
    totals = [d.milliseconds["total"] for _, d in answers]
    outcome.overhead.append([total - ms for total, ms in zip(totals, searched, strict=True)])


def _sample(job: Job, policy: Policy, session: Session, outcome: _Outcome) -> Sample:
    values: dict[str, float | None] = {}
    error = outcome.error
    if error is None:
        try:
            values = job.attack.score(session, outcome.served)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
    return Sample(
        policy.manifest.name,
        job.name,
        session.id,
        session.group,
        job.parts.get(session.id),
        session.member,
        values,
        tuple(tuple(document.id for document in got) for got in outcome.served),
        tuple(bool(d.plan.defenses) for d in outcome.decisions),
        _medians(outcome.overhead),
        _medians(outcome.retrieve),
        tuple(len(d.outcomes) for d in outcome.decisions),
        tuple(d.fetched for d in outcome.decisions),
        error,
    )


def _medians(milliseconds: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(round(float(np.median(times)), 4) for times in milliseconds)
