"""Attacks and benign traffic: one file each. An attack says what its clients ask, what it plants, and how it scores."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from benchmarks.data import Dataset
from benchmarks.samples import Sample
from sentinel.manifest import Manifest
from sentinel.registry import Registry
from sentinel.vocabulary import Threat


class Family(StrEnum):
    """What kind of traffic it is; decides which metrics apply."""

    BENIGN = "benign"
    MEMBERSHIP = "membership"
    POISONING = "poisoning"
    EXTRACTION = "extraction"
    COMPLETION = "completion"


class AttackManifest(Manifest):
    """What an attack, or a kind of benign traffic, says of itself.

    Attributes:
        family: Decides which metrics apply.
        threat: What the Sentinel should call it; None for benign traffic.
        needs: What the data set must bring: names of `Dataset` attributes that must not be empty.
        default: Whether a run measures it unless told which attacks; the others come with `--full` or by name.
        plain: Name of the attack that this one is the adaptive form of; None for all others.
        run_only: Whether it stands in runs alone: nothing is fitted on it, and detection figures leave it out.
        at_once: How many of its sessions run at the same time; 1 is one after the other.
        repeats: How often each session is asked, each time of a service that has seen nothing else twice. Times are
            medians over the repetitions; everything else is the first one's.
        needs_generator: Whether there is nothing to score without answers.
        answer_tokens: The longest answer that it needs, if longer than the run's.
    """

    family: Family
    threat: Threat | None = None
    needs: tuple[str, ...] = ("queries",)
    default: bool = False
    plain: str | None = None
    run_only: bool = False
    at_once: int = Field(1, ge=1)
    repeats: int = Field(1, ge=1)
    needs_generator: bool = False
    answer_tokens: int | None = Field(None, ge=1)


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of a session.

    Attributes:
        query: The text.
        gold: Ids of the passages that a benign asker needs; empty for a probe.
        answer: The short answer that the asker hopes for, if known.
        facts: What the attack needs to score the answer.
        client: Client id of this one question; None for the session's. For attackers who change names.
        pause: Mean seconds between this question and the one before it.
    """

    query: str
    gold: frozenset[str] = frozenset()
    answer: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    client: str | None = None
    pause: float = 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """What one client asks, in order: the unit of splits, of intervals and of resuming.

    Attributes:
        id: Unique within its attack.
        asks: The queries.
        group: `metadata.dataset` of the questions, if they have one.
        member: For membership attacks: does the target stand in the corpus?
        target: The attacked document or question.
        client: Client id; None makes one of the session's own.
    """

    id: str
    asks: tuple[Ask, ...]
    group: str | None = None
    member: bool | None = None
    target: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Planted:
    """A document that an attacker brought into the corpus, and the question it is for."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """A document that a client got.

    Attributes:
        id: Its id in the corpus.
        text: What was handed out.
        planted_for: The question that it was planted for; None for a clean document.
    """

    id: str
    text: str
    planted_for: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What one question came to.

    Attributes:
        served: The documents that came back, best first.
        answer: What the generator made of them; None where there is no generator.
    """

    served: tuple[Served, ...]
    answer: str | None = None


class Attack(ABC):
    """Base of every attack and every kind of benign traffic. Stateless."""

    manifest: ClassVar[AttackManifest]

    @abstractmethod
    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """Everything that is asked. The same data and seed give the same sessions."""

    def planted(self, data: Dataset, seed: int) -> list[Planted]:
        """Documents that stand in the corpus while this attack runs; none unless it poisons."""
        return []

    @abstractmethod
    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        """Score one session by the ideal reader: the upper bound of what a generator could give away.

        Args:
            session: What was asked.
            served: For each ask, the documents that came back, best first.

        Returns:
            Values by name; None where a value cannot be said.
        """

    def judged(self, samples: Sequence[Sample]) -> list[Sample]:
        """Add what can only be said with all sessions at hand, as a classifier's scores; nothing unless told.

        Args:
            samples: Every finished sample of one policy, failed ones left out, in session order.

        Returns:
            The same samples in the same order, with more `values`.
        """
        return list(samples)


class AnsweredAttack(Attack):
    """An attack that scores a generator's answers itself; those of the other families are scored by their kind."""

    @abstractmethod
    def answered(self, session: Session, replies: Sequence[Reply]) -> dict[str, float | None]:
        """Score one session by what a generator answered."""


class InteractiveAttack(AnsweredAttack):
    """One whose next question depends on what came back."""

    @abstractmethod
    def converse(self, session: Session) -> Generator[Ask, Reply, None]:
        """Everything that is asked in a session, each question with what the last one came to in mind.

        Without a generator the replies have no answer, and are to be read as the ideal reader would, who repeats
        everything.
        """


ATTACKS: Registry[Attack] = Registry("attack", "benchmarks.attacks", Attack)  # type: ignore[type-abstract]


def rng(seed: int, *parts: str) -> random.Random:
    """A generator of its own for each purpose, so that one attack's draws never shift another's."""
    return random.Random("\x1f".join((str(seed), *parts)))
