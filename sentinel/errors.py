"""The three ways in which something can be wrong, told apart because the caller reacts differently.

A `ConfigurationError` is the user's set-up (an unknown name, an impossible parameter): abort, exit code 2.
A `DataError` is the user's data (a malformed line, an empty corpus): abort, exit code 2.
A `ComponentError` is a part that failed at work (a signal raised, a store hung): the configured failure mode
decides, and the decision record says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SentinelError(Exception):
    """Base of every error that the framework raises on purpose."""


class ConfigurationError(SentinelError):
    """The set-up is wrong: an unknown name, a parameter out of range, a missing extra."""


class DataError(SentinelError):
    """The data is wrong: malformed, dangling, empty, or of another model."""


class ComponentError(SentinelError):
    """A component failed while a request was served.

    Args:
        component: Name of the part that failed, as in its manifest.
        cause: What happened, in words that hold no user text.
    """

    def __init__(self, component: str, cause: str) -> None:
        super().__init__(f"{component}: {cause}")
        self.component = component
        self.cause = cause


class UncalibratedWarning(UserWarning):
    """The shipped defaults are in use; `sentinel-bench fit` and `calibrate` fit them to the user's corpus."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Build the error for a name that nobody registered, with the nearest one suggested.

    Args:
        kind: What the name should have been, for the message ("policy", "attack", "key").
        name: The name as given.
        known: Every name that would have been right.
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return ConfigurationError(f"unknown {kind} {name!r}; {hint}")
