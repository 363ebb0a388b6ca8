"""The signal `closed_series` over one client's requests."""

import math

import pytest

from sentinel.signals.closed_series import ClosedSeries
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play

YES, NO = math.log(0.96 / 0.5), math.log(0.04 / 0.5)


def test_missing_without_history():
    assert ClosedSeries().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_golden():
    # The same question again lies at cosine 1: it counts in full. Three yes/no questions: 3 * log(0.96 / 0.5).
    found = play(ClosedSeries(), [(CLOSED, [DOCUMENT])] * 3, evidence=evidence, gap=0)
    assert found == pytest.approx([YES, 2 * YES, 3 * YES])


def test_members_and_non_members_look_alike():
    assert play(ClosedSeries(), [(CLOSED, [DOCUMENT])] * 3, evidence=evidence) == play(
        ClosedSeries(), [(CLOSED, OTHERS)] * 3, evidence=evidence
    )


def test_an_open_question_acquits_and_another_subject_counts_less():
    found = play(ClosedSeries(), [(OPEN, []), (CLOSED, [])], evidence=evidence, gap=0)
    assert found[0] == pytest.approx(NO)
    # Seeded vectors of two texts are all but orthogonal: a quarter, and no more than a little above.
    assert YES + NO / 2 < found[1] <= YES + NO / 4 + 1e-9


def test_missing_in_another_language():
    german = "Hat die Klinik die Patienten mit Kobalt behandelt?"
    assert play(ClosedSeries(), [(german, [])], evidence=evidence) == [None]
