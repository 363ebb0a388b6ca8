"""A defense and its parameters in a line of text: `leak_guard quote_words=60`."""

from __future__ import annotations

import json
import re
from typing import Any

from sentinel.errors import ConfigurationError

Spec = tuple[str, dict[str, Any]]
# Between defenses and between parameters, not within a list in brackets.
_COMMA, _SPACE = re.compile(r",(?![^\[]*\])"), re.compile(r"\s+(?![^\[]*\])")


def spec(text: str) -> Spec:
    """A name and the parameters behind it.

    Args:
        text: As in `canary_check canaries=["K-7741-HERON"]`: values are JSON, or else text.

    Raises:
        ConfigurationError: What stands behind the name is no parameter.
    """
    name, *pairs = _SPACE.split(text.strip())
    for pair in pairs:
        if "=" not in pair:
            raise ConfigurationError(f"{text.strip()!r}: write parameters as {name} parameter=value")
    return name, {key: _value(value) for key, _, value in (pair.partition("=") for pair in pairs)}


def specs(text: str) -> list[Spec]:
    """Those of a comma-separated list.

    Raises:
        ConfigurationError: What stands behind a name is no parameter.
    """
    return [spec(part) for part in _COMMA.split(text) if part.strip()]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
