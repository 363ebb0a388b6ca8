"""The signal `weight_in_document` over one client's requests."""

from sentinel.signals.weight_in_document import WeightInDocument
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert WeightInDocument().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_content_adds_up():
    found = play(WeightInDocument(), [(OPEN, [DOCUMENT, OTHERS[0]]), (CLOSED, [DOCUMENT])], evidence=evidence)
    assert 0.5 < found[0][0] <= 1
    assert found[1][0] > found[0][0] + 0.4
