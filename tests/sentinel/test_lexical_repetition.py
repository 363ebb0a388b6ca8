"""The signal `lexical_repetition` over one client's requests."""

import pytest

from sentinel.signals.lexical_repetition import LexicalRepetition
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert LexicalRepetition().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_golden():
    found = play(LexicalRepetition(), [(CLOSED, []), (OPEN, OTHERS), (CLOSED, [DOCUMENT])], evidence=evidence, gap=0)
    assert found[0] is None
    assert found[1] == pytest.approx(5 / 6)
    assert found[2] == 1
