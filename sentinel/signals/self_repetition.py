"""Does a candidate say the same over and over?"""

from __future__ import annotations

import math

import numpy as np

from sentinel._passage import passage, read_once
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

RUN = 6
"""Words in a row that stand in a text twice only where it repeats itself or a formula of its trade."""


@read_once
def self_repetition(text: str) -> float:
    """Share of a text's runs of six words that stand in it before, in [0, 1); NaN below twelve words."""
    codes = passage(text).codes
    count = len(codes) - RUN + 1
    if len(codes) < 2 * RUN:
        return math.nan
    runs = np.zeros(count, np.uint64)
    for shift in range(RUN):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + codes[shift : shift + count]
    return 1.0 - len(set(runs.tolist())) / count


class SelfRepetition(Signal):
    """Share of a candidate's runs of six words that it has said before, in [0, 1).

    An order is repeated to drown what stands beside it (the PIA of RobustRAG, arXiv 2405.15556, writes it ten times),
    and a text that has one thing to claim says it again. Passages repeat a name, hardly ever six words.
    """

    manifest = SignalManifest(
        name="self_repetition",
        summary="share of a candidate that repeats what it has said before",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.INJECTION, Threat.POISONING, Threat.JAMMING}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="ours, against the PIA of RobustRAG, arXiv 2405.15556",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Share, shape (n,), NaN for a text of fewer than twelve words."""
        return np.array(evidence.read(self_repetition), dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how much is said twice."""
        return f"a document says {peak(measurement):.0%} of what it says more than once"
