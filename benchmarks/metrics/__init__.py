"""Metrics: one file each. A metric turns the samples of one policy and attack into an estimate with an interval."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.attacks import Family
from benchmarks.samples import Sample
from benchmarks.statistics import Estimate
from sentinel.manifest import Manifest
from sentinel.registry import Registry

CONTEXT, ANSWER = "context", "answer"
"""Stages of evidence: what an ideal reader makes of what was served, and what a generator wrote."""
BOTH = frozenset({CONTEXT, ANSWER})


class MetricManifest(Manifest):
    """What a metric says of itself.

    Attributes:
        families: The kinds of traffic that it can be computed for.
        higher_is_better: For whoever runs the RAG system.
        percent: Whether it reads best as a share.
        stages: The stages of evidence that it is computed at.
    """

    families: frozenset[Family]
    higher_is_better: bool
    percent: bool = True
    stages: frozenset[str] = frozenset({CONTEXT})


@dataclass(frozen=True)
class Cell:
    """The samples of one policy and attack, with what they are compared with. Failed samples are left out.

    Attributes:
        samples: Of this policy, in session order.
        undefended: Of policy `none` on the same sessions, by session id.
        clean: Of policy `none` on the same questions before anything was planted, by session id.
        plain: For an adaptive attack, of policy `none` in the form that has searched against nothing, by session id.
    """

    samples: Sequence[Sample]
    undefended: dict[str, Sample]
    clean: dict[str, Sample]
    plain: dict[str, Sample] = field(default_factory=dict)


class Metric(ABC):
    """Base of every metric. Stateless."""

    manifest: ClassVar[MetricManifest]

    def applies(self, cell: Cell) -> bool:
        """Whether the figure means anything for this attack; where not, there is no cell."""
        return True

    @abstractmethod
    def compute(self, cell: Cell) -> Estimate:
        """The estimate; value None where these samples cannot say it."""


METRICS: Registry[Metric] = Registry("metric", "benchmarks.metrics", Metric)  # type: ignore[type-abstract]


def known(cell: Cell, value: str) -> list[float]:
    """The values of that name that the samples have."""
    return [float(found) for sample in cell.samples if (found := sample.values.get(value)) is not None]
