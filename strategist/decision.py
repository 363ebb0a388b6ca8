"""The record of one request: what was sensed, planned and done, and how long it took. No user text in it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan


def text_hash(text: str | None, key: bytes | None = None) -> str | None:
    """First 16 hexadecimal digits of a text's hash; None stays None.

    Args:
        text: What must not be read.
        key: Makes it an HMAC-SHA256. Without one it is a bare SHA-256: whoever has the hash and a list of likely
            texts (short questions, user names) finds the text by trying them.
    """
    if text is None:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    return (hashlib.sha256(raw) if key is None else hmac.new(key, raw, hashlib.sha256)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one defense did.

    Attributes:
        defense: Its name.
        entered: How many candidates it was given.
        left: How many it kept.
        dropped: Position and reason of each candidate that it dropped.
    """

    defense: str
    entered: int
    left: int
    dropped: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one answer defense found.

    Attributes:
        defense: Its name.
        reasons: What it found, in words that hold no text.
        changed: Whether it left another text than it was given.
        stopped: Whether it let nothing follow.
    """

    defense: str
    reasons: tuple[str, ...] = ()
    changed: bool = False
    stopped: bool = False


@dataclass(slots=True)
class AnswerPart:
    """The half of a decision that is about the answer. In a shadow: what would have been done.

    Attributes:
        generator: What it is called.
        config: Which configuration of this half was in force, 16 hexadecimal digits.
        outcome: "answered" (as generated), "changed" or "withheld" (by answer defenses), "declined" (nothing was found
            to ask about), "refused" (a part failed, and the mode is `closed`), "failed" (an error reached the caller)
            or "unfinished" (the caller stopped listening).
        streamed: Whether it was handed out piece by piece.
        prompt: Prompt defenses, in order.
        generation: The generation defense.
        calls: How many prompts the generator was given.
        dropped: Documents left out after retrieval, by their place among those served, each with the reason.
        spent: Privacy spent, as (epsilon, delta); None where nothing is claimed.
        findings: What each answer defense found, in order; one that failed has none.
        text: What was handed out. Never leaves in clear.
    """

    generator: str
    config: str = ""
    outcome: str = "unfinished"
    streamed: bool = False
    prompt: tuple[str, ...] = ()
    generation: str | None = None
    calls: int = 0
    dropped: dict[int, str] = field(default_factory=dict)
    spent: tuple[float, float] | None = None
    findings: list[Finding] = field(default_factory=list)
    text: str = field(default="", repr=False)

    @property
    def defended(self) -> bool:
        """Whether any defense was in force for the answer."""
        return bool(self.prompt or self.generation or self.findings)

    def record(self, key: bytes | None = None) -> dict[str, Any]:
        """This half as plain JSON values. The answer is hashed always: it may be made of the corpus' text."""
        return {
            "generator": self.generator,
            "config": self.config,
            "outcome": self.outcome,
            "streamed": self.streamed,
            "prompt": list(self.prompt),
            "generation": self.generation,
            "calls": self.calls,
            "dropped": [[place, reason] for place, reason in sorted(self.dropped.items())],
            "spent": None if self.spent is None else list(self.spent),
            "findings": [
                {"defense": f.defense, "reasons": list(f.reasons), "changed": f.changed, "stopped": f.stopped}
                for f in self.findings
            ],
            "text": text_hash(self.text, key),
            "characters": len(self.text),
        }


@dataclass(slots=True)
class Decision:
    """Everything worth knowing of one request afterwards.

    Attributes:
        request: Who asked what; only hashes of its text leave the process unless asked for.
        policy: Name of the policy.
        config_hash: Which configuration was in force.
        id: Random, tells nothing.
        profile: The Sentinel's last reading.
        plan: Plan B, or plan A where nothing was retrieved.
        outcomes: What each defense did, in order.
        fetched: How many candidates came back.
        served: Positions of the candidates that were handed out, in order.
        missing: How many documents fewer than k were served although the base had more.
        milliseconds: By stage: `embed`, `fetch`, `sense`, `plan`, `defend`, `total`; where there is an answer also
            `prompt`, `generate` and `check`.
        errors: What failed, by component (a signal as `signal NAME`), and what the failure mode made of it.
        mode: "enforced", "shadow" (recorded, nothing changed), "allowed" (on the allow-list: served as by the base) or
            "passive" (policy none).
        at: Unix seconds.
        hash_key: Secret that the record's hashes are made with; None makes bare ones.
        answer: What became of the answer; None where only documents were asked for.
    """

    request: Request
    policy: str
    config_hash: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    profile: RiskProfile = field(default_factory=RiskProfile)
    plan: DefensePlan = field(default_factory=DefensePlan)
    outcomes: list[Outcome] = field(default_factory=list)
    fetched: int = 0
    served: tuple[int, ...] = ()
    missing: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    mode: str = "enforced"
    at: float = field(default_factory=time.time)
    hash_key: bytes | None = field(default=None, repr=False, compare=False)
    answer: AnswerPart | None = None

    @property
    def dropped(self) -> tuple[int, ...]:
        """Positions of every candidate that a defense dropped, in order of position."""
        return tuple(sorted({position for outcome in self.outcomes for position, _ in outcome.dropped}))

    @property
    def outcome(self) -> str:
        """`failed` if a part did, else `defended` if a defense was planned or configured, else `untouched`."""
        if self.errors:
            return "failed"
        defended = self.plan.defenses or (self.answer is not None and self.answer.defended)
        return "defended" if defended else "untouched"

    def record(self, *, text: bool = False, key: bytes | None = None) -> dict[str, Any]:
        """The decision as plain JSON values.

        Args:
            text: Put the query itself in, not its hash. It then leaves the process in clear.
            key: Hashes with this secret instead of `hash_key`. See `text_hash`.
        """
        key = self.hash_key if key is None else key
        return {
            "schema": 1,
            "id": self.id,
            "at": round(self.at, 3),
            "hash": "sha256" if key is None else "hmac-sha256",
            "text": text,
            "query": self.request.query if text else text_hash(self.request.query, key),
            "client": text_hash(self.request.client_id, key),
            "tenant": text_hash(self.request.tenant, key),
            "k": self.request.k,
            "policy": self.policy,
            "config": self.config_hash,
            "mode": self.mode,
            "profile": self.profile.record(),
            "plan": self.plan.record(),
            "removed": dict(self.plan.removed),
            "outcomes": [
                {"defense": o.defense, "in": o.entered, "out": o.left, "dropped": [list(d) for d in o.dropped]}
                for o in self.outcomes
            ],
            "fetched": self.fetched,
            "served": list(self.served),
            "missing": self.missing,
            "milliseconds": {stage: round(ms, 3) for stage, ms in self.milliseconds.items()},
            "errors": dict(self.errors),
            **({} if self.answer is None else {"answer": self.answer.record(key)}),
        }
