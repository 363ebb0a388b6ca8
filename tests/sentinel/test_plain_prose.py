"""Bare of figures and references."""

import math

import numpy as np
import pytest

from sentinel.signals.plain_prose import PlainProse
from tests.builders import evidence


# (marks + 2) / (words + 40) / 0.05: ten words and none: 2 / 50 / .05 = .8; two marks: 4 / 50 / .05 = 1.6.
@pytest.mark.parametrize(
    ("text", "ratio"), [("word " * 10, 0.8), ("word " * 8 + "1901 1902", 1.6), ("word " * 10 + "(;", 1.6)]
)
def test_golden(text, ratio):
    assert PlainProse().measure(evidence(found=[text]))[0] == pytest.approx(-math.log(ratio))


def test_short_texts_are_missing():
    assert np.isnan(PlainProse().measure(evidence(found=["", "a few words"]))).all()
    assert "0.8 times" in PlainProse().reason(evidence(), np.array([-math.log(0.8)]))
