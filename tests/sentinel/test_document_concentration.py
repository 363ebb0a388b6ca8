"""The signal `document_concentration` over one client's requests."""

import pytest

from sentinel.signals.document_concentration import DocumentConcentration
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert DocumentConcentration().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_the_same_document_again_and_again():
    requests = [(f"{q} {i}?", [DOCUMENT, f"other {i}"]) for i, q in enumerate([CLOSED, OPEN, OPEN])]
    found = play(DocumentConcentration(), requests, evidence=evidence)
    assert [v[0] for v in found] == pytest.approx([0, 1, 2], abs=0.01)


def test_unrelated_questions():
    requests = [(CLOSED, [f"other {i}", *OTHERS[:0]]) for i in range(5)]
    assert [v[0] for v in play(DocumentConcentration(), requests, evidence=evidence)] == pytest.approx([0] * 5)
