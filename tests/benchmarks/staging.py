"""Traffic on a tiny corpus, staged: what a policy is fitted on."""

from __future__ import annotations

from benchmarks.data import Dataset
from benchmarks.readings import Traffic
from benchmarks.staged import Staged
from benchmarks.world import KnownEmbeddings, build_world
from sentinel.threat_models import shipped_models
from tests.benchmarks.datasets import BagOfWords


def staged(data: Dataset, traffic: Traffic) -> Staged:
    """The traffic's requests with what the base finds for each, under embeddings that count words."""
    world = build_world(data, traffic.planted, KnownEmbeddings(BagOfWords(), [], []), 0)
    return Staged.of(traffic, world, 0, shipped_models())
