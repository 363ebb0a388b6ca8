"""Which part of a query asks, and which is only pasted beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel._requests import PASTED, begins_asking, pieces, question_of
from sentinel.text import words

PASTED_TEXT = "the old harbour was closed to ships in the winter of 1962 after the ice had broken its wall"
QUESTION = "What else is known about the harbour wall?"


@pytest.mark.parametrize(
    "shape", ['"{p}" {q}', "{q}\n\n{p}", "{p}\n{q}", "{q} “{p}”", "{q} {p}", "“{p}” {q}", "{p}. {q}"]
)
def test_a_question_beside_an_excerpt_is_the_question(shape):
    found = question_of(shape.format(p=PASTED_TEXT, q=QUESTION))
    assert words(found) == words(QUESTION)


@pytest.mark.parametrize(
    "query",
    [
        QUESTION,
        f"I am new here. {QUESTION}",  # a lead-in of a few words belongs to the question
        PASTED_TEXT,  # nothing asks
        f"{QUESTION} Who built it? When did it close, and why was it never opened again by the town?",
        "",
        "harbour, wall, ice",
    ],
)
def test_all_of_it_where_nothing_is_pasted_or_nothing_asks(query):
    assert question_of(query) is query


def test_a_request_without_a_question_mark_asks():
    found = question_of(f"{PASTED_TEXT}\nplease tell me who wrote this and when it was")
    assert found == "please tell me who wrote this and when it was"


def test_the_last_word_of_a_lead_in_decides():
    short = " ".join(["word"] * (PASTED - 1))
    assert question_of(f"{short}. {QUESTION}") == f"{short}. {QUESTION}"
    assert question_of(f"{short} word. {QUESTION}") == QUESTION


@given(st.text(max_size=200))
def test_what_is_asked_is_made_of_the_query(query):
    assert set(words(question_of(query))) <= set(words(query))
    assert all(said for _, said in pieces(query))


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("what is it", True),
        ("and so please do it", True),
        ("I am looking for the wall", True),
        ("the wall is old", False),
        ("so", False),
    ],
)
def test_begins_asking(text, asks):
    assert begins_asking(words(text)) is asks


def test_hostile_lengths_are_read_in_linear_time():
    for hostile in ("\n" * 200_000, "? " * 100_000, '" ' * 100_000, "a " * 100_000, "”" * 200_000):
        question_of(hostile)
