"""Documents read like documents, questions do not."""

import pytest

from sentinel.signals.document_form import DocumentForm
from tests.builders import evidence

RECORD = (
    "The patient was admitted on Monday with a fever. He was treated with aspirin for three days. "
    "The fever subsided and he was discharged in good health. A follow-up was arranged for the spring."
)


def value(query):
    return DocumentForm().measure(evidence(query))


def test_golden():
    assert value(RECORD) > 0.8
    assert value("What is the dose of aspirin that a child can take in one day?") == 0
    assert value("I was ill and my doctor gave me aspirin for a week. What else can I take for it?") == 0


def test_an_excerpt_with_a_question_to_it_is_no_document():
    assert value(f"{RECORD} What does the last sentence mean?") == 0
    assert value(f"Please summarise this for me. {RECORD}") == 0


@pytest.mark.parametrize("query", ["aspirin dose", "Wie hoch ist die Dosis von Aspirin bei Kindern unter acht Jahren?"])
def test_missing(query):
    assert value(query) is None
