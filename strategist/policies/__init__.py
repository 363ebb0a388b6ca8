"""Policies: one file each. A policy reads the Sentinel's profile and says which defenses are worth their cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sentinel.errors import ConfigurationError, unknown_name
from sentinel.manifest import Cost, Manifest
from sentinel.profile import RiskProfile
from sentinel.registry import Registry
from sentinel.vocabulary import Request
from strategist.calibration import Calibration
from strategist.plan import DefensePlan


class PolicyManifest(Manifest):
    """What a policy says of itself.

    Attributes:
        passive: True if it never defends: the base's own answer is served untouched, and nothing is sensed.
        senses: False for a policy that never looks at the profile: nothing is sensed and no history is kept for it.
        reads: Names of the signals whose raw values it looks at, beside the probabilities, suspicions and reasons; None
            for a policy that may look at any. What neither it nor a model or a defense reads is not measured for it.
        baseline: True for a published or trivial policy that is kept to be compared with.
        cost: Order of magnitude of planning one request; `MODEL_CALL` for a policy that asks a language model.
    """

    passive: bool = False
    senses: bool = True
    reads: frozenset[str] | None = None
    baseline: bool = False
    cost: Cost = Cost.MICROSECONDS


class Policy(BaseModel, ABC):
    """Base of every policy. Its fields are its parameters; instances are immutable and shared by all threads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: ClassVar[PolicyManifest]

    @abstractmethod
    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Plan A: from what the query alone tells."""

    @abstractmethod
    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Plan B: what to add to `plan` now that the candidates are known; the runtime extends plan A with it."""

    def given_up(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> Mapping[str, str]:
        """Defenses of `plan` that are not worth it for what another one has left, by name with the reason.

        Asked of policies that have this method, once a defense against planted documents has dropped some and others
        are to come. Nothing can be added: what is left is no more dangerous than it was.

        Args:
            request: Who asks what.
            profile: Of the candidates that are left.
            plan: What is under way.
        """
        return {}


POLICIES: Registry[Policy] = Registry("policy", "strategist.policies", Policy)  # type: ignore[type-abstract]


def build_policy(policy: str | Policy, parameters: Mapping[str, Any] | None = None) -> Policy:
    """Make a policy from its name, or hand back one that is made already.

    Raises:
        ConfigurationError: The name or a parameter is unknown, or a parameter is out of range.
    """
    if isinstance(policy, Policy):
        return policy
    component = POLICIES.get(policy)
    for key in parameters or {}:
        if key not in component.model_fields:
            raise unknown_name(f"parameter of policy {policy}", key, component.model_fields)
    try:
        return component(**dict(parameters or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"policy {policy}: {where} = {first['input']!r}: {first['msg']}") from None


def calibrated(policy: str | Policy, calibration: object) -> Policy:
    """The policy, with a calibration if it is of a kind that reads one; for other kinds the calibration says nothing.

    Args:
        policy: Its name, or as it was built.
        calibration: A `Calibration`, the path of one, or None for what the policy has.

    Raises:
        ConfigurationError: The policy is unknown, or was built with another calibration.
        DataError: The file holds none.
    """
    if calibration is None:
        return build_policy(policy)
    kind = POLICIES.get(policy) if isinstance(policy, str) else type(policy)
    if "calibration" not in kind.model_fields:
        return build_policy(policy)
    if isinstance(calibration, str | Path):
        calibration = Calibration.load(Path(calibration))
    if not isinstance(calibration, Calibration):
        raise ConfigurationError(f"calibration must be a Calibration or a path, not {type(calibration).__name__}")
    if isinstance(policy, str):
        return build_policy(policy, {"calibration": calibration})
    fields = {name: getattr(policy, name) for name in policy.model_fields_set}
    if fields.get("calibration", calibration) != calibration:
        raise ConfigurationError(f"policy {policy.manifest.name} was built with another calibration")
    return kind(**{**fields, "calibration": calibration})
