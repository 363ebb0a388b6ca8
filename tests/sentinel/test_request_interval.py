"""The signal `request_interval` over one client's requests."""

import pytest

from sentinel.signals.request_interval import RequestInterval
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert RequestInterval().measure(evidence(CLOSED, [DOCUMENT])) is None


@pytest.mark.parametrize(("gap", "low", "high"), [(0.0, 3.3, 3.5), (600.0, 0, 0.01)])
def test_a_burst_and_a_stroll(gap, low, high):
    requests = [(OPEN, [DOCUMENT, *OTHERS]), *[(CLOSED, [DOCUMENT])] * 10]
    assert low <= play(RequestInterval(), requests, evidence=evidence, gap=gap)[-1] <= high
