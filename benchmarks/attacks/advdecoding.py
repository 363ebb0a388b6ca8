"""AdvDecoding: fluent text, decoded word by word towards the vector of a question."""

from __future__ import annotations

from benchmarks.attacks import AttackManifest, Family
from benchmarks.attacks._ready_made import ReadyMadeBase
from sentinel.vocabulary import Threat


class AdvDecoding(ReadyMadeBase):
    """The given documents: no gibberish gives them away."""

    documents = "advdecoding_documents"
    manifest = AttackManifest(
        name="advdecoding",
        summary="given documents: low-perplexity text decoded towards the question's vector",
        family=Family.POISONING,
        threat=Threat.POISONING,
        needs=("advdecoding_documents",),
        run_only=True,
        source="AdvDecoding, github.com/collinzrj/adversarial_decoding",
    )
