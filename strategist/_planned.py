"""A plan's defenses, made ready to be called."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from defenses import Defense, build
from sentinel.manifest import Cost, Need, Stage
from strategist.plan import DefensePlan, PlannedDefense

_MODELS = frozenset({Need.MODEL, Need.GENERATOR})


def built(planned: PlannedDefense) -> Defense:
    """The planned defense, made once for each choice of parameters.

    Raises:
        ConfigurationError: The name or a parameter is unknown, or a parameter is out of range.
    """
    try:
        return _built(planned.name, tuple(sorted(planned.parameters.items())))
    except TypeError:  # a list among the parameters: nothing to remember it by
        return build(planned.name, planned.parameters)


@lru_cache(maxsize=512)
def _built(name: str, parameters: tuple[tuple[str, Any], ...]) -> Defense:
    return build(name, dict(parameters))


def in_order(plan: DefensePlan, *stages: Stage) -> list[Defense]:
    """The plan's defenses of some stages, stage by stage; those that spend a budget come last.

    What a later filter drops must not have been charged for, nor a request that a later defense fails.
    """
    defenses = [built(planned) for planned in plan.defenses]
    chosen = [defense for stage in stages for defense in defenses if defense.manifest.stage is stage]
    return sorted(chosen, key=lambda defense: Need.LEDGER in defense.manifest.needs)


def calls_model(defense: Defense) -> bool:
    """Whether it has a language model's time limit, and a place in the bulkhead."""
    return defense.manifest.cost is Cost.MODEL_CALL or bool(_MODELS & defense.manifest.needs)
