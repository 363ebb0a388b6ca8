"""A plan: which defenses, with which parameters, for what reason. Plan B extends plan A and never forgets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sentinel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class PlannedDefense:
    """One defense of a plan.

    Attributes:
        name: As in its manifest.
        parameters: What differs from its defaults.
        reason: Why it was chosen, in words that hold no user text.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DefensePlan:
    """An ordered choice of defenses. Within a stage they run in this order; stages run in the flow's order.

    Attributes:
        defenses: What is to be applied; empty for a request found benign.
        overfetch: How many times k candidates are fetched, at least 1.
        removed: Defenses of an earlier plan that this one gives up, each with the reason.
    """

    defenses: tuple[PlannedDefense, ...] = ()
    overfetch: int = 1
    removed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.overfetch < 1:
            raise ConfigurationError(f"overfetch must be at least 1, not {self.overfetch}")
        if len({d.name for d in self.defenses}) != len(self.defenses):
            raise ConfigurationError("a plan names a defense twice")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the defenses, in order."""
        return tuple(d.name for d in self.defenses)

    def extended(self, later: DefensePlan) -> DefensePlan:
        """This plan with a later one on top.

        A defense that both name takes the later parameters and keeps its place; one that only the earlier names
        stays unless the later plan *names* it as removed: what was decided before retrieval is not dropped by
        being forgotten after it.

        Raises:
            ConfigurationError: The later plan removes a defense that it also chooses.
        """
        both = set(later.removed) & set(later.names)
        if both:
            raise ConfigurationError(f"a plan removes what it chooses: {', '.join(sorted(both))}")
        changed = {d.name: d for d in later.defenses}
        kept = [changed.pop(d.name, d) for d in self.defenses if d.name not in later.removed]
        return replace(
            later,
            defenses=(*kept, *changed.values()),
            overfetch=max(self.overfetch, later.overfetch),
            removed={n: why for n, why in {**self.removed, **later.removed}.items() if n not in later.names},
        )

    def without(self, given_up: Mapping[str, str]) -> DefensePlan:
        """This plan less some of its defenses, by name with the reason; what it does not hold is ignored."""
        gone = {name: why for name, why in given_up.items() if name in self.names}
        if not gone:
            return self
        left = tuple(d for d in self.defenses if d.name not in gone)
        return replace(self, defenses=left, removed={**self.removed, **gone})

    def record(self) -> list[dict[str, Any]]:
        """The plan as plain JSON values."""
        return [{"name": d.name, "parameters": dict(d.parameters), "reason": d.reason} for d in self.defenses]
