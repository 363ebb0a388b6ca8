"""Defenses: one file each, in the folder of its stage. None of them knows who calls it or reads a policy."""

from defenses.base import (
    DEFENSES,
    Defense,
    DefenseManifest,
    Framed,
    PromptDefense,
    QueryDefense,
    RandomSource,
    Resources,
    SeededRandomSource,
    Selection,
    SelectionDefense,
    SystemRandomSource,
    build,
    frame,
)
from defenses.ledger import BudgetLedger, Charge, MemoryLedger

__all__ = [
    "DEFENSES",
    "BudgetLedger",
    "Charge",
    "Defense",
    "DefenseManifest",
    "Framed",
    "MemoryLedger",
    "PromptDefense",
    "QueryDefense",
    "RandomSource",
    "Resources",
    "SeededRandomSource",
    "Selection",
    "SelectionDefense",
    "SystemRandomSource",
    "build",
    "frame",
]
