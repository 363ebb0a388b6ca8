"""Phantom: a poisoned document that comes up for a trigger in the query, whatever is asked (arXiv 2405.20485)."""

from __future__ import annotations

from benchmarks.attacks import AttackManifest, Family
from benchmarks.attacks._ready_made import ReadyMadeBase
from sentinel.vocabulary import Threat


class Phantom(ReadyMadeBase):
    """The given documents, and questions that hold the trigger."""

    documents = "phantom_documents"
    manifest = AttackManifest(
        name="phantom",
        summary="given documents: a prefix optimised for a trigger word, then what the reader is to do",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("phantom_documents",),
        run_only=True,
        source="Phantom, arXiv 2405.20485",
    )
