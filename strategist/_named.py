"""A part of a configuration that is chosen by name."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from strategist._section import Section


class Named(Section):
    """What is built by name with parameters. In YAML a bare name will do.

    Attributes:
        name: Which.
        parameters: What differs from its defaults.
    """

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value
