"""Runs of words without grammar."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentinel._memory import forget
from sentinel.signals.gibberish import Gibberish
from tests.builders import evidence
from tests.sentinel.scanned import NAMES, SUBJECTS, profile, prose

SALAD = " ".join(NAMES[::13])
FRENCH = "le petit chat noir dort sous la table et le grand chien brun mange dans la cuisine avec les enfants"


def measure(texts):
    return Gibberish().measure(evidence(found=texts, corpus=profile()))


def test_a_run_stands_out_against_prose_and_lists():
    salad, mixed, honest, listed = measure(
        [SALAD, f"{SALAD}. {prose(200)}", prose(201), ", ".join(SUBJECTS)],
    )
    assert salad >= 12
    assert mixed >= 12
    assert max(honest, listed) <= 4


def test_what_cannot_be_judged_is_missing():
    assert np.isnan(measure(["", "few words here", FRENCH, "東京 大阪 " * 20])).all()
    assert Gibberish().measure(evidence(found=[SALAD])) is None
    assert "15 words" in Gibberish().reason(evidence(), np.array([15.0]))


@given(
    st.lists(st.integers(0, 300).map(prose) | st.sampled_from([SALAD, FRENCH, "", "a, b", f"{SALAD} of."]), max_size=7)
)
def test_texts_judged_together_are_judged_like_each_alone(texts):
    forget()
    together = measure(texts).tolist() if texts else []
    forget()
    np.testing.assert_array_equal(together, [measure([text])[0] for text in texts])
