"""What one request reads of its retriever, all of it at once: a reload puts another one in its place.

A request that read policy, k and sinks one after the other from a retriever that is being reloaded could see halves
of two configurations. It reads one object instead, once, and that object never changes.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.documents import Document

from sentinel.vocabulary import Request
from strategist.callers import Caller, CallerDefaults
from strategist.decision import Decision
from strategist.embeddings import fingerprint
from strategist.engine import Engine
from strategist.policies import Policy
from strategist.sources import Source

Sink = Callable[[Decision], None]
Attach = Literal["id", "none", "full"]
Measured = Literal["needed", "all"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """One configuration, built and in force.

    Attributes:
        engine: What serves.
        source: Where candidates come from.
        k: How many documents to serve; None for the base's own number.
        callers: What holds for callers that do not say who they are.
        sinks: Called with every decision.
        attach: What goes into each document's metadata.
        hash_key: Secret of the records' hashes; None makes bare ones.
        clock: Monotonic seconds.
    """

    engine: Engine
    source: Source
    k: int | None
    callers: CallerDefaults
    sinks: tuple[Sink, ...]
    attach: Attach
    hash_key: bytes | None
    clock: Callable[[], float]

    def request(self, query: str, k: int | None, caller: Caller | None) -> Request:
        """The request as the engine takes it.

        Raises:
            DataError: The query is empty or too long, or `k` or `trust` is out of range.
        """
        who = self.callers.complete(caller or Caller())
        for wanted in (k, self.callers.k(who), self.k):
            if wanted is not None:
                return Request(query, wanted, *who, time=self.clock())
        return Request(query, self.source.k, *who, time=self.clock())

    def finish(self, documents: list[Document], decision: Decision) -> list[Document]:
        """Tell the sinks, and put into the documents what they are to carry."""
        self.tell(decision)
        return self.attached(documents, decision)

    def tell(self, decision: Decision, others: Sequence[Sink] = ()) -> None:
        """Tell the sinks, and others besides; one that fails is warned of and stops nothing."""
        for sink in (*self.sinks, *others):
            try:
                sink(decision)
            except Exception as error:  # a full disk must not take retrieval down, nor pass in silence
                warnings.warn(f"a decision sink failed: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=3)

    def attached(self, documents: list[Document], decision: Decision) -> list[Document]:
        """Put into the documents what they are to carry."""
        if decision.mode != "enforced" or self.attach == "none":
            return documents
        note: dict[str, Any] = {"decision_id": decision.id}
        if self.attach == "full":
            note |= {"decision": decision.record()}
        for document in documents:  # copies: the engine made them for this request
            document.metadata["sentinel"] = dict(note)
        return documents


def config_hash(policy: Policy, source: Source, parts: dict[str, Any]) -> str:
    """16 hexadecimal digits over everything that changes what is served, and over no secret.

    Args:
        policy: Its name and parameters count, and of its calibration the hash.
        source: The model behind its vectors counts, and whether its ranking is a prefix of a longer one.
        parts: Whatever else counts, as plain JSON values.
    """
    calibration = getattr(policy, "calibration", None)
    settings = {
        **parts,
        "policy": policy.manifest.name,
        "parameters": policy.model_dump(mode="json", exclude={"calibration"}),
        "calibration": getattr(calibration, "hash", None),
        # A policy that never defends looks at no vector, and asking a model for its name may mean to load it.
        "embeddings": None if policy.manifest.passive or source.embeddings is None else fingerprint(source.embeddings),
        "exact": source.prefix_stable,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
