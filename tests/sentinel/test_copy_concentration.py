"""The lead of the best-aligned candidate."""

import pytest

from sentinel.signals.copy_concentration import CopyConcentration
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose
from tests.sentinel.test_aligned_sentence import CLOZE, TARGET


def measure(texts, query=CLOZE):
    return CopyConcentration().measure(evidence(query, texts, corpus=profile()))


def test_one_target_stands_alone_and_its_copies_are_one():
    assert measure([TARGET, prose(1)]) > 0.6
    assert measure([TARGET, prose(1), TARGET]) == pytest.approx(measure([TARGET, prose(1)]))
    assert measure([TARGET, TARGET + " again"]) == pytest.approx(0.0)


def test_missing():
    assert measure([TARGET, TARGET]) is None
    assert measure([]) is None
    assert measure([TARGET, prose(1)], "the bell") is None
    assert CopyConcentration().measure(evidence(CLOZE, [TARGET, prose(1)])) is None
    assert "70%" in CopyConcentration().reason(evidence(), 0.7)
