"""The signal `request_rate` over one client's requests."""

import pytest

from sentinel.signals.request_rate import RequestRate
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert RequestRate().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_golden():
    import math

    requests = [(OPEN, [DOCUMENT, *OTHERS]), (CLOSED, [])]
    found = play(RequestRate(), requests, evidence=evidence, gap=3_600.0)
    assert found == pytest.approx([math.log(2), math.log(2 + math.exp(-1))])
