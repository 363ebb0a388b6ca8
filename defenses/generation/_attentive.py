"""A generator whose attention is at hand, or an error that says so."""

from __future__ import annotations

from defenses.generator import AttentiveGenerator, Generator
from sentinel.errors import ConfigurationError


def attentive(generator: Generator, defense: str) -> AttentiveGenerator:
    """The generator, if its attention can be changed and read.

    Args:
        generator: What answers.
        defense: Who asks, for the error.

    Raises:
        ConfigurationError: It cannot.
    """
    if isinstance(generator, AttentiveGenerator):
        return generator
    name = getattr(generator, "name", type(generator).__name__)
    raise ConfigurationError(
        f"{defense} needs a generator whose attention is at hand (a transformers model in this process); {name} is none"
    )
