"""Runs of words without grammar."""

import numpy as np

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
