"""The signal `semantic_repetition` over one client's requests."""

import pytest

from sentinel.signals.semantic_repetition import SemanticRepetition
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert SemanticRepetition().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_golden():
    found = play(SemanticRepetition(), [(CLOSED, []), (OPEN, OTHERS), (CLOSED, [DOCUMENT])], evidence=evidence, gap=0)
    assert found[0] is None
    assert found[1] < 0.3
    assert found[2] == pytest.approx(1)
