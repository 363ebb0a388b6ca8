"""Praise and vague attribution for each word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.signals.puffery import Puffery, puffery
from tests.builders import evidence

RECORD = (
    "The mill was built in 1784 by Anders Holm, who leased it to the parish. It burnt down in 1810 and was not rebuilt "
    "until the railway came; the wheel of the second mill is in the county museum."
)
PUFFED = (
    "The mill is widely regarded as a remarkable landmark of the region, playing a pivotal role in its history. It "
    "remains a cherished symbol, showcasing the enduring legacy of its builders."
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The renowned mill of the parish was built in the north of it.", 1),  # one word of praise
        ("The renowned mill of the renowned parish was built in the north.", 1),  # repeated, it counts once
        ("The mill of the parish burnt down in the north, leaving it poor.", 1),  # a clause hung on
        ("The mill of the parish was often said to be a key to the north.", 2),
        ("The mill of the parish was built in the north of it, and stood.", 0),
    ],
)
def test_golden(text, found):
    assert puffery(text) == pytest.approx(found / (len(text.split()) + 10))


def test_a_puffed_text_lies_far_above_a_record():
    value = Puffery().measure(evidence(found=[PUFFED, RECORD]))
    assert value[0] > 0.1 > 0.02 >= value[1]
    assert Puffery().reason(evidence(), value).startswith("a document praises and assures")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a renowned and iconic mill",
        "Die Mühle gilt als bedeutendes Wahrzeichen der Region und spielt eine zentrale Rolle in ihrer Geschichte.",
        "El molino es considerado un símbolo importante de la región y de su historia por todos los expertos.",
        "这座磨坊被广泛认为是该地区的重要地标，在其历史上发挥着关键作用。",
    ],
)
def test_short_texts_and_other_languages_are_missing(text):
    assert np.isnan(Puffery().measure(evidence(found=[text]))).all()


@given(st.text(max_size=300) | st.lists(st.sampled_from(PUFFED.split()), max_size=60).map(" ".join))
def test_bounds(text):
    value = puffery(text)
    assert np.isnan(value) or 0.0 <= value < 2.0


def test_a_megabyte_is_read_in_linear_time():
    assert puffery(", making, the " * 80_000) < 1.0
