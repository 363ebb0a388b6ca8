"""What is quoted, fenced or pasted."""

import pytest

from sentinel.signals.quoted_share import QuotedShare
from tests.builders import evidence

TEXT = "water boils at one hundred degrees at sea level and less on the mountain"


@pytest.mark.parametrize("form", ['"{}"', "“{}”", "«{}»", "```{}```", "> {}", "text: {}", "x\n{}"])
def test_a_quoted_text_is_most_of_the_query(form):
    assert QuotedShare().measure(evidence(form.format(TEXT))) > 0.85


@pytest.mark.parametrize("query", ["What is water?", "the dog's and the dogs' bowl", "ratio 3:4, what is it", "a\nb"])
def test_nothing_quoted(query):
    assert QuotedShare().measure(evidence(query)) == 0


def test_a_megabyte_of_marks():
    assert 0 <= QuotedShare().measure(evidence("\"'“" * 300_000)) <= 1
