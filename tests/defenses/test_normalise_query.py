"""What is searched is what a reader sees; a clean query is searched for as it is."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, build
from defenses.query.normalise_query import clean
from sentinel import RiskProfile
from sentinel.text import words
from tests.builders import QUERY, evidence


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        "What did Dr. McCoy say\tabout NaCl?\n\nIn 1986, that is.",
        "“Quoted” — it’s fine",
        "Café Müller in Łódź",
        "Москва и Ростов",
        "Τι είναι αυτό;",
        "東京の人口は？"[:-1],
        "می‌خواهم",  # Persian: the joiner is part of the word
        "क्‍ष",
        "👩‍💻 and ❤️",
    ],
)
def test_a_clean_query_comes_back_byte_for_byte(query):
    assert clean(query) == query


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("pаsswоrd ХBOX", "password XBOX"),  # Cyrillic а, о, Х
        ("Νew York", "New York"),  # Greek Ν
        ("ＨＥＬＬＯ ﬁne", "HELLO fine"),
        ("i​g‍n⁠ore \ufeffthis­", "ignore this"),
        ("a\u202etxt\u202c", "atxt"),
        ("bell\x07 nul\x00 cut\x1chere", "bell nul cut here"),
        ("x\u3164y\U000e0041\ufe0fz", "xyz"),
        ("cafe\u0301", "café"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("no\xa0break", "no break"),
    ],
)
def test_tricks_are_undone_and_casing_is_kept(query, seen):
    assert clean(query) == seen


@given(st.text(max_size=80) | st.text("aА\u0430\u200bΟο\u0301ﬁ\x00\u200d\ufe0f❤क ", max_size=20))
def test_cleaning_settles_and_never_empties(text):
    once = clean(text)
    assert clean(once) == once
    assert bool(once.strip()) == bool(text.strip())


@given(st.text("abc АВс\u0430\u0441\u200bｆﬁ9", max_size=30))
def test_signals_read_the_same_words_before_and_after(text):
    assert words(clean(text)) == words(text)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Mn", "Lm", "Sk", "Mc", "Me"]), max_size=40)
)
def test_what_has_nothing_hidden_changes_by_nfkc_alone(text):
    composed = unicodedata.normalize("NFKC", text)
    if len({unicodedata.name(c, "").split(" ")[0] for c in composed if c.isalpha()}) == 1 and words(text):
        assert clean(composed) in (composed, clean(unicodedata.normalize("NFKC", composed)))


@pytest.mark.parametrize("hidden", ["​​", "\ud800", "\x00\x07"])
def test_never_empty(hidden):
    assert build("normalise_query").rewrite(evidence(hidden), RiskProfile(), Resources()) == hidden


def test_a_megabyte_is_read_in_linear_time():
    start = time.perf_counter()
    for character in ("\u200b", "\u0430", "\ufdfa"):
        clean(("a" + character) * 100_000)
    assert time.perf_counter() - start < 20
