"""One line per (policy, attack, session): what was asked of whom, what was served, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """The outcome of one session under one policy.

    Attributes:
        policy: Policy name.
        attack: Attack name.
        session: Session id.
        group: The questions' group, if any.
        split: `fit`, `calibrate` or `test` for benign sessions, else None.
        member: For membership attacks.
        values: What `Attack.score` gave; empty if the session failed.
        served: Ids of the documents served, by ask.
        triggered: Whether a defense was planned, by ask.
        overhead_ms: Milliseconds beyond embedding and search, by ask.
        retrieve_ms: Milliseconds of search, by ask (query vectors come from the run's cache).
        defenses_run: How many defenses ran, by ask.
        fetched: How many candidates the base was asked for and gave, by ask.
        error: What went wrong, or None.
        answers: What was answered, by ask; empty without a generator. In clear: run folders are the user's own.
        answer_values: What the answers were worth; empty if there are none, or one of them failed.
        answer_error: Why there is no answer, or None. What was served is known all the same.
        form: For attacks with blanks, whether the generator was asked in their `format` or for completions (`cloze`).
    """

    policy: str
    attack: str
    session: str
    group: str | None = None
    split: str | None = None
    member: bool | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)
    served: tuple[tuple[str, ...], ...] = ()
    triggered: tuple[bool, ...] = ()
    overhead_ms: tuple[float, ...] = ()
    retrieve_ms: tuple[float, ...] = ()
    defenses_run: tuple[int, ...] = ()
    fetched: tuple[int, ...] = ()
    error: str | None = None
    answers: tuple[str, ...] = ()
    answer_values: Mapping[str, float | None] = field(default_factory=dict)
    answer_error: str | None = None
    form: str | None = None

    @property
    def answered(self) -> bool:
        """Whether a generator was asked, with or without success."""
        return bool(self.answers) or self.answer_error is not None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a sample unique within a run."""
        return self.policy, self.attack, self.session

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sample:
        """Read what `to_json` wrote."""
        made = dict(data)
        made["served"] = tuple(tuple(ids) for ids in made["served"])
        for name in ("triggered", "overhead_ms", "retrieve_ms", "defenses_run", "fetched", "answers"):
            made[name] = tuple(made.get(name, ()))
        return cls(**made)
