"""Forms of one word meet; numbers, codes and short words stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel._stem import LETTERS, stem


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("pathogen", "pathogens"), ("glass", "glasses"), ("box", "boxes"), ("branch", "branches"),
        ("quiescent", "quiescence"), ("wheel", "wheels"), ("measured", "measurement"), ("planche", "planches"),
    ],
)  # fmt: skip
def test_forms_of_a_word_meet(one, another):
    assert stem(one) == stem(another)


@pytest.mark.parametrize(
    ("one", "another"),
    [("lens", "lend"), ("virus", "viral"), ("crisis", "crises"), ("gas", "ga"), ("bus", "bu"), ("grass", "gras")],
)
def test_what_only_looks_like_a_plural_stays(one, another):
    assert stem(one) != stem(another)


@pytest.mark.parametrize("word", ["", "s", "gas", "1234567", "2011", "b12345678", "don't's", "10000s"])
def test_numbers_codes_and_short_words_stay(word):
    assert stem(word) == word


@given(st.text(max_size=30))
def test_a_stem_is_a_beginning_of_the_word_and_its_own_stem_s_beginning(word):
    found = stem(word)
    assert word.startswith(found)
    assert len(found) <= max(LETTERS, 3) or found == word
    assert bool(found) == bool(word)


def test_another_script_is_cut_alike():
    assert stem("больница") == stem("больницы") == "больни"
    assert stem("病院") == "病院"
