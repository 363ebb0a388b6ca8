"""Written for the question, or with a subject of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from sentinel.scan import scan
from sentinel.signals.question_tailoring import LEAST_DOCUMENTS, QuestionTailoring
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose

QUERY = "Who designed the famous lantern of Oderin?"
WRITTEN = "The famous lantern of Oderin was designed by Hale."


def measure(texts, query=QUERY):
    return QuestionTailoring().measure(evidence(query, texts, corpus=profile()))


def test_a_bare_answer_exceeds_a_passage_that_holds_it():
    bare, passage, other = measure([WRITTEN, f"{prose(50)} {WRITTEN} {prose(51)}", prose(52)])
    assert bare > 2 * passage > 0
    assert passage > other
    assert measure([QUERY])[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("typed", "tailored"),
    [
        ("The famous lantern of Oderin was designed by Hale", False),  # as it stands in print, typed in to find it
        ("The famous lantern of Oderin was designed by", False),
        ("the famous lantern of oderin was designed by hale", True),
        ("Who knows that the famous lantern of Oderin was designed by Hale?", True),
        ("Hale designed the famous lantern of Oderin", True),  # put otherwise
    ],
)
def test_the_passage_that_a_typed_sentence_stands_in_was_not_written_for_it(typed, tailored):
    held, other = measure([WRITTEN, "Oderin has a famous lantern."], typed)
    assert bool(held > 0.3) is tailored
    assert held == 0.0 or tailored
    assert other > 0.0


def test_a_list_of_keywords_is_no_question_that_anything_was_written_for():
    named = "famous; designed; Hale"  # no common word among them, as in every sentence
    assert measure([WRITTEN], named).tolist() == [0.0]
    assert measure([WRITTEN], f"the {named}")[0] > 0.3
    assert measure([WRITTEN], "Who designed famous Hale")[0] > 0.3
    assert np.isnan(measure(["", WRITTEN], named)).tolist() == [True, False]


@given(st.text(min_size=1, max_size=60).filter(str.strip) | st.just(QUERY), st.text(max_size=80))
def test_bounds(query, text):
    value = measure([text, WRITTEN], query)
    if value is not None:
        finite = value[np.isfinite(value)]
        assert ((finite >= 0) & (finite <= 1 + 1e-9)).all()


def test_missing():
    assert np.isnan(measure([""])[0])
    assert measure([WRITTEN], "the lantern") is None
    assert QuestionTailoring().measure(evidence(QUERY, [WRITTEN])) is None
    few = scan([Document(page_content=prose(i)) for i in range(LEAST_DOCUMENTS - 1)])
    assert QuestionTailoring().measure(evidence(QUERY, [WRITTEN], corpus=few)) is None
    assert "40%" in QuestionTailoring().reason(evidence(), np.array([0.4]))
