"""Short for the corpus."""

import numpy as np

from sentinel.signals.text_brevity import TextBrevity
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose


def test_order_and_bounds():
    value = TextBrevity().measure(evidence(found=["two words", prose(1, 5), prose(1, 60), ""], corpus=profile()))
    assert value[0] == 1.0 > value[1] > value[2] == 0.0
    assert np.isnan(value[3])
    assert "100%" in TextBrevity().reason(evidence(), value)


def test_without_a_scan_it_is_missing():
    assert TextBrevity().measure(evidence(found=["x"])) is None
