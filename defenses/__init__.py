"""Defenses: one file each, in the folder of its stage. None of them knows who calls it or reads a policy."""

from defenses.base import (
    DEFENSES,
    Defense,
    DefenseManifest,
    QueryDefense,
    RandomSource,
    Resources,
    SeededRandomSource,
    Selection,
    SelectionDefense,
    SystemRandomSource,
    build,
)

__all__ = [
    "DEFENSES",
    "Defense",
    "DefenseManifest",
    "QueryDefense",
    "RandomSource",
    "Resources",
    "SeededRandomSource",
    "Selection",
    "SelectionDefense",
    "SystemRandomSource",
    "build",
]
