"""Asking the questions of an attack's sessions of a defended retriever: who comes when, and what each got."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig

from benchmarks.answer_scores import AnswerScorer
from benchmarks.answering import Answers
from benchmarks.attacks import Ask, Attack, InteractiveAttack, Planted, Reply, Served, Session, rng
from benchmarks.oracle import OraclePolicy
from benchmarks.samples import Sample
from benchmarks.summary import REFERENCE
from benchmarks.turns import Turns
from benchmarks.world import World
from defenses import Resources, SeededRandomSource
from sentinel.threat_models import ThreatModels, shipped_models
from strategist import Decision, DefendedRAG, DefendedRetriever
from strategist.policies import Policy
from strategist.resilience import Resilience

PATIENT = Resilience.unlimited().model_copy(update={"failures": None})
"""No time limits and no breaker that opens and closes by the clock: a slow machine changes no result."""
PACED = PATIENT.model_copy(update={"pace_ms": Resilience().pace_ms})
"""The same, and probes are held back as they are in production: for attacks that look at the time."""


SEARCH = ("embed", "fetch")
ANSWER_HALF = ("prompt", "generate", "check")
"""Stages of a decision's time that no retrieval defense adds: searching, and all that comes after retrieval."""


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


class Got(NamedTuple):
    """What one question came to.

    Attributes:
        served: The documents.
        decision: The record of it.
        answer: What a generator made of them; None without one, or if it failed.
        failure: Why there is no answer.
    """

    served: list[Served]
    decision: Decision
    answer: str | None = None
    failure: str | None = None


class Service:
    """A retriever under one policy, with a simulated clock and a past of its own.

    Args:
        policy: The policy.
        world: The corpus.
        seed: Of randomised defenses.
        k: Documents served.
        models: From signals to probabilities; None for the shipped ones.
        limits: Of the request path.
    """

    def __init__(
        self,
        policy: Policy,
        world: World,
        seed: int,
        k: int,
        models: ThreatModels | None = None,
        limits: Resilience = PATIENT,
    ) -> None:
        self._world = world
        self._clock = Clock()
        self._here = threading.local()  # requests that wait for an answer are each in a thread of their own
        self._chain: DefendedRAG | None = None
        self._retriever = DefendedRetriever.wrap(
            world.store,
            k=k,
            policy=policy,
            models=models or shipped_models(),
            resilience=limits,
            resources=Resources(random=SeededRandomSource(seed)),
            sinks=[self._told],
            clock=self._clock,
        )

    def answer_with(self, make: Callable[[DefendedRetriever], DefendedRAG]) -> None:
        """Have a chain answer from now on what is asked.

        Args:
            make: Makes the chain around the retriever.
        """
        self._chain = make(self._retriever)

    def ask(self, ask: Ask, client: str, at: float) -> Got:
        """Serve one question, and answer it if there is a chain.

        Args:
            ask: The question.
            client: Who asks, unless the question names another.
            at: Seconds on the simulated clock.

        Raises:
            Exception: Whatever the retriever raises; a generator that fails is a `failure`.
        """
        self._clock.now = at
        config: RunnableConfig = {"configurable": {"client_id": ask.client or client}}
        documents: list[Document] | None = None
        answer = failure = None
        if self._chain is None:
            documents = self._retriever.invoke(ask.query, config)
        else:
            # In pieces: what was served is known then, whatever becomes of the answer.
            try:
                for piece in self._chain.stream(ask.query, config):
                    documents = piece.get("context", documents)
                    if "answer" in piece:
                        answer = (answer or "") + piece["answer"]
            except Exception as error:
                if documents is None:
                    raise
                answer, failure = None, f"{type(error).__name__}: {error}"
        served = [Served(str(d.id), d.page_content, self._world.planted.get(str(d.id))) for d in documents or ()]
        return Got(served, self._here.decision, answer, failure)

    def _told(self, decision: Decision) -> None:
        self._here.decision = decision


@dataclass
class _Outcome:
    """What a session has come to so far.

    Attributes:
        left: Questions that are under way or to come.
        got: By the number of the question what it came to, once for each repetition; the first one counts.
        error: Why it failed.
    """

    left: int
    got: dict[int, list[Got]] = field(default_factory=dict)
    error: str | None = None

    @property
    def first(self) -> list[Got]:
        """What each question came to, in order."""
        return [self.got[number][0] for number in sorted(self.got)]

    @property
    def failure(self) -> str | None:
        """Why there is no answer to a question."""
        return next((got.failure for got in self.first if got.failure is not None), None)

    @property
    def replies(self) -> list[Reply]:
        """What came back, as attacks read it."""
        return [Reply(tuple(got.served), got.answer) for got in self.first]


def run_sessions(
    job: Job,
    policy: Policy,
    sessions: Sequence[Session],
    world: World,
    seed: int,
    k: int,
    models: ThreatModels | None = None,
    answers: Answers | None = None,
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
        answers: What answers, if the attack's answers are wanted.
    """
    manifest = job.attack.manifest
    if isinstance(policy, OraclePolicy):
        policy = policy.told(manifest.name)
    limits = PACED if manifest.repeats > 1 else PATIENT  # who repeats a question holds a stopwatch
    services = [Service(policy, world, seed, k, models, limits) for _ in range(manifest.repeats)]
    wanted = {session.id: session for session in sessions}
    outcomes: dict[str, _Outcome] = {}
    turns: Turns | None = None
    scorer: AnswerScorer | None = None
    if answers is not None:
        name = policy.manifest.name
        turns = answers.turns(f"{name} · {job.name}")
        bare = name == REFERENCE
        services[0].answer_with(lambda base: answers.chain(base, turns, job.attack, job.asked, bare=bare))
        scorer = answers.scorer(job.attack, sessions)
    for at, session, number, ask in _arrivals(job, seed, outcomes, turns, wanted):
        call = partial(_ask, outcomes[session.id], services, number, ask, session.client or session.id, at)
        if turns is None:
            call()
        else:
            turns.start(call)
        yield from _finished(job, policy, wanted, outcomes, scorer, answers)
    if turns is not None:
        turns.finish()
    yield from _finished(job, policy, wanted, outcomes, scorer, answers)


def _arrivals(
    job: Job, seed: int, outcomes: dict[str, _Outcome], turns: Turns | None, wanted: Mapping[str, Session]
) -> Iterator[tuple[float, Session, int, Ask]]:
    """Every question in the order in which it comes, with an outcome for its session to be filled in."""
    manifest = job.attack.manifest
    if not isinstance(job.attack, InteractiveAttack):
        for at, session, number in schedule(job.asked, seed, manifest.at_once):
            if manifest.at_once == 1 and session.id not in wanted:
                continue
            outcomes.setdefault(session.id, _Outcome(len(session.asks)))
            yield at, session, number, session.asks[number]
        return
    # One question of each client after another: all wait for their answers together.
    talks = {session.id: (session, job.attack.converse(session)) for session in wanted.values()}
    draws = {key: rng(seed, "arrivals", key) for key in talks}
    asks = {key: next(talk) for key, (_, talk) in talks.items()}
    outcomes.update((key, _Outcome(1)) for key in talks)
    now, number = 0.0, 0
    while asks:
        for key, ask in asks.items():
            now += draws[key].expovariate(len(asks) / ask.pause)
            outcomes[key].left += 1  # it has not ended while it may go on
            yield now, talks[key][0], number, ask
        if turns is not None:
            turns.finish()
        number += 1
        asks = {key: more for key in asks if (more := _next(talks[key][1], outcomes[key])) is not None}


def _next(talk: Generator[Ask, Reply, None], outcome: _Outcome) -> Ask | None:
    """What an interactive client asks next; None, and the session has ended, where there is nothing more to ask."""
    if outcome.error is None and outcome.failure is None:
        try:
            return talk.send(outcome.replies[-1])
        except StopIteration:
            pass
        except Exception as failure:
            outcome.error = f"{type(failure).__name__}: {failure}"
    outcome.left -= 1
    return None


def _finished(
    job: Job,
    policy: Policy,
    wanted: Mapping[str, Session],
    outcomes: dict[str, _Outcome],
    scorer: AnswerScorer | None,
    answers: Answers | None,
) -> Iterator[Sample]:
    """Samples of the sessions that have come to their end."""
    for key in [key for key, outcome in outcomes.items() if not outcome.left]:
        outcome = outcomes.pop(key)
        if key in wanted:
            form = None if answers is None else answers.form(job.attack)
            yield _sample(job, policy, wanted[key], outcome, scorer, form)


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


def _ask(outcome: _Outcome, services: Sequence[Service], number: int, ask: Ask, client: str, at: float) -> None:
    """Ask once of each service: all of them answer alike, at times that differ by chance."""
    try:
        if outcome.error is None:
            outcome.got[number] = [service.ask(ask, client, at) for service in services]
    except Exception as failure:  # one session's failure is a figure of the run, not its end
        outcome.error = f"{type(failure).__name__}: {failure}"
    finally:
        outcome.left -= 1


def _sample(
    job: Job, policy: Policy, session: Session, outcome: _Outcome, scorer: AnswerScorer | None, form: str | None
) -> Sample:
    values: dict[str, float | None] = {}
    answered: dict[str, float | None] = {}
    error, failure = outcome.error, outcome.failure
    first = outcome.first
    if error is None:
        try:
            values = job.attack.score(session, [got.served for got in first])
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    if scorer is not None and error is None and failure is None:
        try:
            answered = scorer.score(session, outcome.replies)
        except Exception as raised:
            failure = f"{type(raised).__name__}: {raised}"
    times = [[got.decision.milliseconds for got in outcome.got[number]] for number in sorted(outcome.got)]
    decisions = [got.decision for got in first]
    return Sample(
        policy.manifest.name,
        job.name,
        session.id,
        session.group,
        job.parts.get(session.id),
        session.member,
        values,
        tuple(tuple(document.id for document in got.served) for got in first),
        tuple(bool(d.plan.defenses) for d in decisions),
        tuple(_median([ms["total"] - _sum(ms, SEARCH) - _sum(ms, ANSWER_HALF) for ms in each]) for each in times),
        tuple(_median([_sum(ms, SEARCH) for ms in each]) for each in times),
        tuple(len(d.outcomes) for d in decisions),
        tuple(d.fetched for d in decisions),
        error,
        tuple(got.answer for got in first if got.answer is not None),
        answered,
        failure,
        form,
    )


def _sum(milliseconds: Mapping[str, float], stages: Sequence[str]) -> float:
    return sum(milliseconds.get(stage, 0.0) for stage in stages)


def _median(times: Sequence[float]) -> float:
    return round(float(np.median(times)), 4)
