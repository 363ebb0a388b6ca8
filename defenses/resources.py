"""What a defense may use besides the evidence: sources of randomness, and the ledger of budgets."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from defenses.ledger import BudgetLedger, MemoryLedger
from sentinel.vocabulary import Request


@runtime_checkable
class RandomSource(Protocol):
    """Where a randomised defense draws from."""

    def for_request(self, request: Request, purpose: str) -> random.Random:
        """A generator for one request and one purpose, independent of those for every other purpose.

        Args:
            request: What is served.
            purpose: Who draws, a defense's name as a rule: two that drew the same numbers would undo each other.
        """


class SystemRandomSource:
    """Draws from the operating system's cryptographic source: what production uses."""

    def for_request(self, request: Request, purpose: str) -> random.Random:
        """A generator that cannot be predicted or repeated."""
        return random.SystemRandom()


@dataclass(frozen=True)
class SeededRandomSource:
    """Repeatable draws that depend on seed, request and purpose alone: what the benchmark uses, never production.

    Attributes:
        seed: The run's seed.
    """

    seed: int

    def for_request(self, request: Request, purpose: str) -> random.Random:
        """The same generator for the same request and purpose in the same run, whatever was asked before it."""
        key = f"{self.seed}\x1f{purpose}\x1f{request.client_id}\x1f{request.time}\x1f{request.query}"
        return random.Random(key.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Resources:
    """What a defense may use besides the evidence.

    Attributes:
        random: Where it draws from.
        ledger: Where budgets are spent; by default one of its own, in memory, for each instance.
    """

    random: RandomSource = field(default_factory=SystemRandomSource)
    ledger: BudgetLedger = field(default_factory=MemoryLedger)
