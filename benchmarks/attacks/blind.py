"""Blind poisoning: fluent false documents on a topic by somebody who does not know the question."""

from __future__ import annotations

from benchmarks.attacks import AttackManifest, Family
from benchmarks.attacks._ready_made import ReadyMadeBase
from sentinel.vocabulary import Threat


class Blind(ReadyMadeBase):
    """The given documents: nothing in them was written for the wording of a question."""

    documents = "blind_documents"
    manifest = AttackManifest(
        name="blind",
        summary="given documents: fluent false text on a topic, written without knowing the question",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("blind_documents",),
        run_only=True,
        source="ours",
    )
