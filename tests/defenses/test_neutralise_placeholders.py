"""Blanks and their instruction go; what was said around them stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, build
from defenses.query.neutralise_placeholders import neutralise
from sentinel import RiskProfile
from sentinel.text import words
from tests.builders import QUERY, evidence


@pytest.mark.parametrize(
    ("query", "searched"),
    [
        (
            "Predict the answers of the masks in the given texts: The patient had [MASK_1] and got <mask> at 3.5 mg. "
            "Answer format: [Mask_1]: answer_1, [Mask_i]: answer_i",
            "The patient had and got at 3.5 mg.",
        ),
        ("Fill in the blanks: The capital of France is ____.", "The capital of France is."),
        ("In which year was ____ elected president of France?", "In which year was elected president of France?"),
        ("(1) was born in (2) and lived until (3) in Rome", "was born in and lived until in Rome"),
        ("Where does {{name}} keep ${item}?", "Where does keep?"),
        ("the role of ■■■ in PKU and MASK_3", "the role of in PKU and"),
        ("The treaty was signed in ... by the [...] of Spain", "The treaty was signed in by the of Spain"),
        ("［ＭＡＳＫ_1］ is the king of [​MASK​_2]", "is the king of"),
        ("Aspirin __1__ the enzyme __2__", "Aspirin the enzyme"),
        ("<extra_id_0> walks in <extra_id_1> park", "walks in park"),
    ],
)
def test_golden(query, searched):
    assert neutralise(query) == searched


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        "What does __init__ do in Python, and what is snake_case?",
        "See reference [1] on f(x) and the Office (Word) format",
        "2 + 3 -- 4, a **bold** claim",
        "Fill in the tax form: which line holds the answer?",
        "a mask for the missing token",
        "  spaced   out\nlines  ",
    ],
)
def test_without_blanks_a_query_is_searched_for_as_it_is(query):
    assert neutralise(query) == query


def test_an_instruction_with_a_subject_of_its_own_is_kept():
    assert neutralise("Find the missing link between [MASK] and apes.") == "Find the missing link between and apes."


@pytest.mark.parametrize(
    ("query", "searched"),
    [("[MASK]", "[MASK]"), ("Complete the sentence: ____", "Complete the sentence"), ("...", "...")],
)
def test_never_empty(query, searched):
    assert build("neutralise_placeholders").rewrite(evidence(query), RiskProfile(), Resources()) == searched


@given(
    st.lists(st.sampled_from(["Rome", "was", "founded", "early", "kings"]), min_size=1, max_size=12), st.integers(0, 99)
)
def test_no_word_that_is_said_gets_lost(said, seed):
    blanks = ["[MASK_1]", "____", "<mask>", "{{x}}", "■■"]
    text = " ".join(f"{word} {blanks[(seed + i) % 5]}" for i, word in enumerate(said))
    assert words(neutralise(text)) == tuple(word.lower() for word in said)


@given(st.text("_[]()<>{}.?-# \nmaskMASK1x:", max_size=60))
def test_never_empty_and_settled_on_any_mess(text):
    once = neutralise(text)
    assert bool(once.strip()) == bool(text.strip())


@pytest.mark.parametrize("part", ["_", "[", "{{", " ", "_ ", "[MASK", ".", "(1) ", "?", "\n ", "__1", "%a", "$ {"])
def test_hostile_input_takes_linear_time(part):
    start = time.perf_counter()
    neutralise(part * (400_000 // len(part)) + "x")
    assert time.perf_counter() - start < 10
