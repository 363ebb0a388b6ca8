"""What is read off traffic: signals of every request, and which candidates were planted for its question."""

from __future__ import annotations

from benchmarks.readings import OVERFETCH, K, Traffic, read
from sentinel.vocabulary import Threat
from tests.benchmarks.datasets import BagOfWords
from tests.benchmarks.tiny import tiny


def test_benign_and_planted_requests() -> None:
    data = tiny()
    found = read([Traffic.of(data, "benign", 0), Traffic.of(data, "poisonedrag-single", 0)], BagOfWords(), 0)
    benign = [r for r in found if r.attack == "benign"]
    planted = [r for r in found if r.attack == "poisonedrag-single"]
    assert benign
    assert planted
    assert all(r.threat is None and not r.planted.any() and r.gold.any() for r in benign)
    for r in planted:
        assert r.threat is Threat.POISONING
        assert r.aimed.sum() == 1  # one document a question; those of other questions are planted, not aimed
        assert (r.planted | ~r.aimed).all()
        assert len(r.planted) == len(r.gold) == len(r.lengths) <= K * OVERFETCH
        assert not r.profile.probabilities
        assert not r.profile.failed
    assert found[0].turn == 0
