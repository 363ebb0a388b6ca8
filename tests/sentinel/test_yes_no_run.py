"""The signal `yes_no_run` over one client's requests."""

import pytest

from sentinel.signals.yes_no_run import YesNoRun
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert YesNoRun().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_yes_no_questions_add_up_and_one_open_question_acquits():
    found = play(YesNoRun(), [(CLOSED, [DOCUMENT, *OTHERS])] * 3 + [(OPEN, [DOCUMENT])], evidence=evidence)
    assert [v[0] for v in found] == pytest.approx([0.652, 1.305, 1.957, -0.569], abs=2e-3)
    assert found[2][1:].tolist() == [0, 0, 0, 0]


def test_bounded():
    found = play(YesNoRun(), [(CLOSED, [DOCUMENT])] * 20 + [(OPEN, [DOCUMENT])] * 9, evidence=evidence)
    assert found[19][0] == 8
    assert found[-1][0] == -3
