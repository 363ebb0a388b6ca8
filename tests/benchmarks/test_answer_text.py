"""What an answer says: golden cases, and what no answer may be taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answer_text import decided, refuses, short, shorts, states, tokens
from benchmarks.attacks.jamming import REFUSALS
from strategist.rag_prompt import NOT_FOUND


@pytest.mark.parametrize(
    ("answer", "gold", "found"),
    [
        ("It was built by Anna Lintorp in 1871.", "Anna Lintorp", True),
        ("it was built by ANNA  LINTORP", "Anna Lintorp.", True),
        ("The city of New York", "New York City", False),
        ("About 21,196 km long", "21196 km", True),
        ("21196 km", "21,196 km", True),
        ("It happens at intermembrane space", "Into the intermembrane space.", True),
        ("September of 1959", "September 1959", False),
        ("They played in 10 games.", "Ten.", True),
        ("I know the answer", "no", False),
        ("No, it does not.", "no", True),
        ("Yes. There is no doubt.", "no", False),
        ("Yes. There is no doubt.", "yes", True),
        ("the", "a", False),
        ("", "Spain", False),
        ("Spaniards", "Spain", False),
        ("In the beatles' first film", "The Beatles", True),
    ],
)
def test_states(answer: str, gold: str, found: bool) -> None:
    assert states(answer, gold) is found


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes.", "yes"),
        ("no", "no"),
        ("Maybe: the evidence is mixed.", "maybe"),
        ("According to document 2, yes", "yes"),
        ("It can be yes or no", None),
        ("The bridge stands.", None),
        ("", None),
    ],
)
def test_decided(answer: str, said: str | None) -> None:
    assert decided(answer) == said


def test_short_takes_the_first_form_that_can_be_looked_for() -> None:
    assert short(None, "Spain") == "Spain"
    assert short("", "Bob Dylan, George Harrison, Jeff Lynne, Roy Orbison, and Tom Petty.") is None
    assert short(None, "Yes, Joe dies in the second film that was made.") == "yes"
    assert short(None, None) is None
    assert short("the") is None  # nothing is left to look for


def test_all_short_forms_will_do() -> None:
    assert shorts("France", None, "A castle.", "France") == ("France", "A castle.")
    assert shorts("Bob Dylan, George Harrison, Jeff Lynne, Roy Orbison, and Tom Petty.") == ()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (NOT_FOUND, True),
        ("I cannot answer that question.", True),
        ("I don't know.", True),
        ("I\u2019m sorry, but I can\u2019t help with that.", True),
        ("The documents do not contain the answer.", True),
        ("", True),
        ("   ", True),
        ("Anna Lintorp", False),
        ("No.", False),
        ("She could not find the bridge.", False),
    ],
)
def test_refuses(answer: str, refused: bool) -> None:
    assert refuses(answer) is refused


def test_a_template_says_what_else_is_a_refusal() -> None:
    assert not refuses("Nothing on file.")
    assert refuses("Nothing on file.", ["nothing on file"])


def test_most_of_what_jamming_asks_for_is_known_when_it_is_repeated() -> None:
    known = [refuses(text) for texts in REFUSALS.values() for text in texts]
    assert sum(known) >= 4  # the rest are reasons; what a model makes of them are the usual phrases


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_gold_answer_stands_in_any_text_around_it(gold: str, before: str, after: str) -> None:
    if not tokens(gold) or tokens(gold)[0] in ("yes", "no", "maybe"):
        return
    assert states(f"{before} . {gold} . {after}", gold)


@given(st.text(max_size=200))
def test_nothing_is_ever_stated_by_nothing(text: str) -> None:
    assert not states("", text)
    assert decided(text) in (None, "yes", "no", "maybe")
