"""Errors name what was given and what was probably meant."""

import pytest

from sentinel import ComponentError, ConfigurationError, DataError, SentinelError, UncalibratedWarning
from sentinel.errors import unknown_name


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("trustrg", ["none", "trustrag"], "unknown defense 'trustrg'; did you mean 'trustrag'?"),
        ("zzz", ["b", "a"], "unknown defense 'zzz'; known: a, b"),
        ("x", [], "unknown defense 'x'; known: none"),
    ],
)
def test_the_nearest_name_is_suggested(name, known, message):
    error = unknown_name("defense", name, known)
    assert isinstance(error, ConfigurationError)
    assert str(error) == message


def test_a_component_error_keeps_its_parts():
    error = ComponentError("trustrag", "timed out")
    assert (str(error), error.component, error.cause) == ("trustrag: timed out", "trustrag", "timed out")


def test_the_three_kinds_are_told_apart():
    kinds = (ComponentError, ConfigurationError, DataError)
    assert all(issubclass(kind, SentinelError) for kind in kinds)
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)
    assert issubclass(UncalibratedWarning, UserWarning)
