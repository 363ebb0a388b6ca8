"""Who asks: read out of a run's configurable, and what holds for those of whom it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import BaseModel, ConfigDict, Field

from sentinel.errors import ConfigurationError
from sentinel.vocabulary import MAX_K

_KEYS = ("client_id", "tenant", "trust")


class Caller(NamedTuple):
    """Who asks, as the run's configurable says."""

    client_id: str | None = None
    tenant: str | None = None
    trust: float | None = None


class TenantDefaults(BaseModel):
    """What holds for one tenant's requests that say nothing themselves.

    Attributes:
        trust: How far its clients are vouched for, in [0, 1]; None leaves it to `CallerDefaults.trust`.
        k: Documents served; None leaves it to the runtime's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trust: float | None = Field(None, ge=0.0, le=1.0, allow_inf_nan=False)
    k: int | None = Field(None, ge=1, le=MAX_K, strict=True)


class CallerDefaults(BaseModel):
    """What holds for requests that do not say who asks.

    Attributes:
        tenant: Whose corpus is asked by a request that names no tenant.
        trust: How far a client is vouched for of whom nothing is said, in [0, 1]; None: nothing is known.
        tenants: By tenant, what differs for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str | None = Field(None, min_length=1)
    trust: float | None = Field(None, ge=0.0, le=1.0, allow_inf_nan=False)
    tenants: Mapping[str, TenantDefaults] = Field(default_factory=dict)

    def complete(self, caller: Caller) -> Caller:
        """The caller with what it left open filled in; what it said stands."""
        tenant = self.tenant if caller.tenant is None else caller.tenant
        if caller.trust is not None:
            return caller._replace(tenant=tenant)
        own = self.tenants.get(tenant) if tenant is not None else None
        trust = self.trust if own is None or own.trust is None else own.trust
        return caller._replace(tenant=tenant, trust=trust)

    def k(self, caller: Caller) -> int | None:
        """How many documents the caller's tenant gets; None where nothing is laid down. `caller` is complete."""
        own = self.tenants.get(caller.tenant) if caller.tenant is not None else None
        return None if own is None else own.k


def split_caller(config: RunnableConfig | None) -> tuple[Caller, RunnableConfig]:
    """Take who asks out of a run's configuration, so that it reaches no trace.

    Raises:
        ConfigurationError: A client id or tenant that is not text, or trust that is not a number.
    """
    config = ensure_config(config)
    configurable = dict(config.get("configurable") or {})
    metadata = dict(config.get("metadata") or {})
    values: dict[str, Any] = {key: configurable.pop(key, None) for key in _KEYS}
    for key, value in values.items():
        if key in metadata and metadata[key] == value:  # older cores copy configurable into the metadata
            del metadata[key]
    for key in ("client_id", "tenant"):
        if values[key] is not None and not isinstance(values[key], str):
            raise ConfigurationError(f"configurable {key!r} must be text, not {type(values[key]).__name__}")
    trust = values["trust"]
    if trust is not None and (isinstance(trust, bool) or not isinstance(trust, (int, float))):
        raise ConfigurationError(f"configurable 'trust' must be a number, not {type(trust).__name__}")
    return Caller(**values), {**config, "configurable": configurable, "metadata": metadata}
