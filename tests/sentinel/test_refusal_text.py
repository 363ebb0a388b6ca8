"""Refusals in a passage."""

import numpy as np
import pytest

from sentinel.signals.refusal_text import RefusalText
from tests.builders import QUERY, evidence

REFUSALS = [
    "I don't know. The context does not provide enough information to answer.",
    "I cannot provide a response that may perpetuate or encourage harmful content.",
    "I cannot provide false or misleading information.",
    "Sorry, I am unable to help with that.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text):
    alone, beside = RefusalText().measure(evidence(found=[text, f"{QUERY} {text}"]))
    assert alone >= 0.5
    assert beside == pytest.approx(1.5 * alone)
    assert beside <= 1.0


@pytest.mark.parametrize(
    "text",
    [
        "The bridge cannot carry more than four tons and was closed for repairs in the spring.",
        "The committee did not publish its data until the following year.",
    ],
)
def test_sources(text):
    assert RefusalText().measure(evidence(found=[text]))[0] == 0


def test_empty():
    value = RefusalText().measure(evidence(found=["", REFUSALS[0]]))
    assert np.isnan(value[0])
    assert "declines" in RefusalText().reason(evidence(), value)
