"""Blanks of every make, and what only resembles them."""

import pytest

from sentinel.signals.placeholders import Placeholders
from tests.builders import evidence


def value(query):
    return Placeholders().measure(evidence(query))


@pytest.mark.parametrize(
    "blank",
    ["[MASK_1]", "<mask>", "[BLANK]", "____", "{{x}}", "<extra_id_0>", "■■■", "(gap 2)", "MASK_3", "......", "<|mask|>",
     "[ＭＡＳＫ]", "[M\u200bASK_2]"],
)  # fmt: skip
def test_one_blank_is_one_blank(blank):
    assert value(f"the patient was given {blank} in the spring") == pytest.approx(1 / 3)


def test_five_blanks():
    assert value("a [MASK_1] b [MASK_2] c [MASK_3] d [MASK_4] e [MASK_5]") == pytest.approx(5 / 7)
    assert value("he was (1) to the (2) where he (3) for a day") == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    "query",
    [
        "What is water?",
        "Well ... i do not know",
        "see figure (1) for it",
        "a - b -- c",
        "{json}",
        "* one\n* two\n---",
    ],
)
def test_ordinary_text_has_none(query):
    assert value(query) == 0


def test_padding_dilutes_nothing_and_a_megabyte_is_read():
    assert value("word " * 190_000 + "[MASK_1] a") == pytest.approx(1 / 3)
    assert value("_" * 900_000 + "x") <= 0.8
