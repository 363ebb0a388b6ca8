"""Length of queries that ask for nothing."""

import math

import pytest

from sentinel.signals.unasked_length import UnaskedLength
from tests.builders import evidence

CLOZE = "The clinic in treated nine patients with tablets in the winter and that all had left by spring."


@pytest.mark.parametrize(
    "asks",
    [
        "What did the clinic treat?",
        f"{CLOZE} Is that so?",
        f"{CLOZE}\nhow many patients were there in the end",
        f"please summarise this: {CLOZE}",
        f"I am looking for the source of this. {CLOZE}",
        f"{CLOZE} Tell me who wrote it.",
        f'"{CLOZE}" what came of it',
    ],
)
def test_whoever_asks_is_not_long(asks):
    assert UnaskedLength().measure(evidence(asks)) == 0.0


def test_golden():
    assert UnaskedLength().measure(evidence(CLOZE)) == pytest.approx(math.log2(1 + 18))
    assert UnaskedLength().measure(evidence("The winter of that year")) == pytest.approx(math.log2(6))
    assert "18 words" in UnaskedLength().reason(evidence(CLOZE), math.log2(19))


def test_a_request_in_the_middle_of_a_pasted_text_is_not_the_askers():
    text = f"{CLOZE} Tell the nurse at once. {CLOZE}"
    assert UnaskedLength().measure(evidence(text)) > 5


@pytest.mark.parametrize("text", ["Die Klinik behandelte neun Patienten und sie wurden entlassen", "東京 大阪"])
def test_missing_in_another_language(text):
    assert UnaskedLength().measure(evidence(text)) is None


def test_a_megabyte_is_read_in_linear_time():
    assert UnaskedLength().measure(evidence("the word. " * 100_000)) is not None
