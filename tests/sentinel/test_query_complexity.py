"""Symbols and piled-up punctuation."""

import pytest

from sentinel.signals.query_complexity import QueryComplexity
from tests.builders import evidence


@pytest.mark.parametrize("query", ["What is it, then?", "क्या हाल है?", "Really?! (Yes.)", "3/4 of 50 %"])
def test_sentences_are_simple(query):
    assert QueryComplexity().measure(evidence(query)) == 0


def test_golden():
    assert QueryComplexity().measure(evidence("abcd ! ! ! ! ! !")) == pytest.approx(0.3)
    assert QueryComplexity().measure(evidence("<a>{b}")) == pytest.approx(4 / 6)
