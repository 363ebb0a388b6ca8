"""The signal `outward_walk` over one client's requests."""

import pytest

from sentinel.signals.outward_walk import OutwardWalk
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert OutwardWalk().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_a_crawl_walks_and_a_reader_does_not():
    chain = [f"alpha{i} beta{i} alpha{i + 1} beta{i + 1}" for i in range(6)]
    crawl = play(OutwardWalk(), [(f"alpha{i} beta{i}", [chain[i]]) for i in range(6)], evidence=evidence)
    stay = play(OutwardWalk(), [(q, [DOCUMENT, *OTHERS]) for q in (CLOSED, OPEN, CLOSED)], evidence=evidence)
    assert crawl[0] == stay[-1] == 0
    assert crawl[-1] == pytest.approx(sum(0.8**i for i in range(5)), rel=0.05)
