"""Does the query follow one candidate only, or the subject that all of them share?"""

from __future__ import annotations

from sentinel._alignment import aligned
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class CopyConcentration(Signal):
    """How far the best-aligned candidate stands above the second, as a share of the query's rare words, in [0, 1].

    A question aligns with every passage on its subject, a probe with its target. Exact copies of a text count once:
    a target that was crawled twice is still one target.
    """

    manifest = SignalManifest(
        name="copy_concentration",
        summary="lead of the best-aligned candidate over the second, as a share of the query",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        cost=Cost.MICROSECONDS,
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """The lead; None as in `AlignedSentence`, or with fewer than two different texts."""
        found = aligned(evidence)
        best = {} if found is None else dict(zip((c.text for c in evidence.candidates), found.weight, strict=True))
        if found is None or len(best) < 2:
            return None
        second, first = sorted(best.values())[-2:]
        return float((first - second) / found.whole)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how alone the best match stands."""
        return f"one document follows the query by {peak(measurement):.0%} of its rare words more than any other"
