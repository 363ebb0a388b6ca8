"""Hide the document that the query was copied from, and no other."""

import pytest

from defenses import Resources
from defenses.retrieval.hide_probed import HideProbed
from sentinel import RiskProfile
from tests.builders import evidence

WORDS = [f"w{i}" for i in range(40)]


def keep(query, texts, **parameters):
    return HideProbed(**parameters).select(evidence(query, texts), RiskProfile(), Resources()).keep


@pytest.mark.parametrize(("length", "kept"), [(11, True), (12, False), (13, False)])
def test_a_run_of_twelve_words_is_too_much(length, kept):
    query = " ".join(WORDS)
    # The stretch gives at most 11 of the query's 38 3-grams: under the share of 0.4, so the run alone decides.
    assert bool(keep(query, [" ".join(["x", *WORDS[:length], "y"])])) is kept


def test_a_masked_probe_is_found_by_its_3_grams():
    target = " ".join(WORDS[:24])
    masked = " ".join(f"[MASK_{i}]" if i % 8 == 7 else word for i, word in enumerate(WORDS[:24]))
    # Three pieces of 7 words: no run of 12, but 3 * 5 = 15 3-grams of the query's 25 (21 + 3 * 2 words, less 2).
    assert keep(masked, [target, "another text about something else"]) == (1,)
    assert keep(masked, [target], grams=15, share=0.6) == ()
    assert keep(masked, [target], grams=16) == (0,)
    assert keep(masked, [target], share=0.61) == (0,)


def test_a_short_question_hides_nothing_even_where_it_stands_verbatim():
    # Seven words: five 3-grams, under the ten that count.
    assert keep("who signed the treaty of the river", ["Who signed the treaty of the river? He did."]) == (0,)


@pytest.mark.parametrize("query", ["?", "one", "one two"])
def test_a_query_without_3_grams_hides_nothing(query):
    assert keep(query, [query, ""]) == (0, 1)


def test_look_alike_letters_do_not_help():
    query = "the patient was seen in the clinic on a cold day in march"
    assert keep(query, [query.replace("e", "е")]) == ()


def test_every_copy_goes():
    query = " ".join(WORDS[:12])
    selection = HideProbed().select(evidence(query, [query, "x", query]), RiskProfile(), Resources())
    assert selection.keep == (1,)
    assert selection.dropped[0] == selection.dropped[2] == "the query copies it (12 words in a row, 10 3-grams)"
