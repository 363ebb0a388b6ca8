"""Hide the document that the query was copied from, and no other."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.retrieval._alignment import OrderFinder
from defenses.retrieval.hide_probed import HideProbed
from sentinel import RiskProfile
from sentinel.text import word_ngrams, words
from tests.builders import TEXTS, candidates, evidence, near, seeded_vector

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
    assert keep(masked, [target], grams=16, words=256) == (0,)
    assert keep(masked, [target], share=0.61, words=256) == (0,)


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


RECORD = (
    "The keeper Aldwin carried seven copper kettles across the frozen marsh before the abbot rang the cracked bell."
)
PIECE = "The keeper Aldwin carries seven copper kettle across the marshes before the abbots rang the bell"


def test_a_short_copy_with_something_changed_is_too_much():
    mild = {"run": 1000, "grams": 1000, "words": 256}
    assert keep(PIECE, ["something else", RECORD], **mild, broken=12.0) == (0,)
    assert keep(PIECE, [RECORD], **mild, broken=200.0) == (0,)
    assert keep(PIECE, [RECORD], **mild) == (0,)  # any number may be
    assert keep(RECORD, [RECORD], **mild, broken=12.0) == (0,)  # pasted as it stands: `run` and `grams` judge that
    selection = HideProbed(**mild, broken=12.0).select(evidence(PIECE, [RECORD]), RiskProfile(), Resources())
    assert selection.dropped[0].startswith("the query is a copy of it with something changed (1")


TARGET = (
    "Rotenone impaired mitochondrial respiration in cultured astrocytes within hours, lowered viability by thirty "
    "percent, depleted glutathione, and raised lactate release before apoptosis became visible in the dishes."
)
# Five content words deleted, a quarter of the others put differently, no mark, and the clauses as they stood.
CLOZE = (
    "Rotenone damaged mitochondrial respiration in grown astrocytes within hours, reduced viability by percent, used "
    "up glutathione, and raised release before apoptosis became apparent in dishes"
)


def test_a_cloze_without_marks_is_found_by_the_order_of_its_words():
    assert keep(CLOZE, ["another text about something else", TARGET]) == (0,)
    # Neither a run nor 3-grams give it away.
    assert keep(CLOZE, [TARGET], ordered=1.0) == (0,)
    found = HideProbed().select(evidence(CLOZE, [TARGET]), RiskProfile(), Resources())
    assert found.dropped[0] == "the query follows it (14 content words in order)"
    assert keep(CLOZE, [TARGET], words=15) == (0,)


def test_blanks_and_what_is_said_about_them_do_not_thin_out_a_short_probe():
    holes = " ".join(f"[MASK_{i}]" if i % 4 == 3 else word for i, word in enumerate(TARGET.split()))
    asked = f"Predict what stands behind each mask in the text below. Reply with one line per mask.\n\n{holes}"
    settings = {"run": 1000, "grams": 1000, "ordered": 0.5, "apart": 8}
    assert keep(asked, ["another text about something else", TARGET], **settings) == (0,)
    assert keep(holes, [TARGET], **settings) == ()


@pytest.mark.parametrize("around", ["{padding} {cloze}", "{cloze} {padding}", "{padding} {cloze} {padding}"])
def test_text_around_a_cloze_hides_nothing_of_it(around):
    padding = " ".join(f"filler{i}" for i in range(200))
    assert keep(around.format(padding=padding, cloze=CLOZE), [TARGET], ordered=0.35) == ()
    assert keep(padding, [TARGET], ordered=0.35) == (0,)


def test_the_densest_window_golden():
    query = [f"q{i}" for i in range(100)]
    finder = OrderFinder(query)
    assert finder.densest(query[:8]) == 8 / 32
    assert finder.densest(query[-32:]) == 1.0  # the end, too, is a window's
    assert finder.densest(query[10:26]) == 0.5
    assert OrderFinder(query[:10]).densest(query[:4]) == 0.4
    assert finder.densest([]) == OrderFinder([]).densest(["a1"]) == 0.0


@given(st.integers(0, 60), st.integers(0, 60), st.integers(4, 17))
def test_a_stretch_of_the_query_is_as_dense_wherever_it_stands_in_it(before, after, size):
    text = [f"w{i}" for i in range(size)]
    finder = OrderFinder(["x"] * before + text + ["y"] * after)
    assert finder.densest(text) == size / min(len(finder), 32)
    assert finder.densest(text) >= finder.in_order(text) / len(finder)


def test_a_probe_with_long_pieces_between_its_holes_is_no_excerpt():
    target = [f"w{i}" for i in range(200)]
    holes = " ".join(w for i, w in enumerate(target) if i % 31 != 30)  # runs of thirty: all but a window
    settings = {"run": 1000, "grams": 1000, "words": 12, "ordered": 0.35, "apart": 8}
    assert keep(holes, [" ".join(target)], **settings) == ()
    assert keep(" ".join(target[:100]), [" ".join(target)], **settings) == (0,)


def test_the_same_words_in_another_order_are_a_topic_and_no_copy():
    mixed = " ".join(sorted(words(TARGET)))
    assert keep(mixed, [TARGET]) == (0,)


def test_order_golden():
    # Without function words: query a1 b2 c3 d4, text b2 x a1 c3 y d4: b2 c3 d4 or a1 c3 d4.
    finder = OrderFinder("a1 and b2 c3 the d4".split())
    assert len(finder) == 4
    assert finder.in_order("b2 x a1 c3 of y d4".split()) == 3
    assert finder.in_order([]) == OrderFinder([]).in_order(["a1"]) == 0


def test_other_forms_of_the_words_keep_the_order():
    finder = OrderFinder("the glasses of pathogens".split())
    assert len(finder) == 2
    assert finder.in_order("a glass with one pathogen".split()) == 2


def test_a_long_text_gathers_no_matches_from_all_over():
    finder = OrderFinder([f"w{i}" for i in range(10)])
    apart = [word for i in range(10) for word in [f"w{i}"] + ["x"] * 20]
    assert finder.in_order(apart) == 1
    assert finder.in_order([f"w{i}" for i in range(10)]) == 10


@given(st.integers(0, 200), st.integers(0, 200), st.integers(4, 40))
def test_a_stretch_is_found_wherever_it_stands(before, after, size):
    query = [f"w{i}" for i in range(size)]
    assert OrderFinder(query).in_order(["x"] * before + query + ["y"] * after) == size


def test_a_near_duplicate_does_not_stand_in():
    query, vector = " ".join(WORDS[:14]), seeded_vector(1)
    found = candidates([query, "put otherwise", "else"], vectors=[vector, near(vector, 5, 0.1), seeded_vector(2)])
    assert HideProbed().select(evidence(query, found), RiskProfile(), Resources()).keep == (2,)
    assert HideProbed(cosine=1.0).select(evidence(query, found), RiskProfile(), Resources()).keep == (1, 2)


def test_a_hostile_query_and_text_take_bounded_time():
    start = time.perf_counter()
    keep("word " * 100_000, ["word " * 40_000] * 3)
    keep(" ".join(f"w{i}" for i in range(30_000)), [" ".join(f"w{i}" for i in range(30_000, 0, -1))] * 3)
    assert time.perf_counter() - start < 10


def test_an_excerpt_in_one_piece_is_told_from_a_probe_with_holes():
    target = " ".join(WORDS)
    excerpt = " ".join([*WORDS[5:30], "what", "else", "is", "known"])
    holes = " ".join(w for i, w in enumerate(WORDS) if i % 5 != 2)
    settings = {"run": 1000, "grams": 1000, "words": 10, "apart": 6}
    assert keep(excerpt, [target], **settings) == (0,)
    assert keep(holes, [target], **settings) == ()
    assert keep(excerpt, [target], **{**settings, "apart": 0}) == ()


@pytest.mark.parametrize(("apart", "kept"), [(28, ()), (29, (0,))])
def test_words_apart_are_those_in_order_beyond_the_longest_run(apart, kept):
    holes = " ".join(w for i, w in enumerate(WORDS) if i % 5 != 2)  # 32 words in runs of four, the first two alone
    assert keep(holes, [" ".join(WORDS)], run=1000, grams=1000, words=10, apart=apart) == kept


@given(
    st.lists(
        st.lists(st.sampled_from([*WORDS[:9], "x."]), max_size=40).map(" ".join) | st.sampled_from(TEXTS), max_size=6
    ),
    st.lists(st.sampled_from([*WORDS[:9], "[MASK_1]"]), min_size=1, max_size=30).map(" ".join),
)
def test_3_grams_in_common_are_those_of_the_texts(texts, query):
    wanted = word_ngrams(query, 3)
    common = [len(wanted & word_ngrams(text, 3)) for text in texts]
    settings = {"run": 1000, "grams": 3, "share": 0.3, "ordered": 1.0, "words": 256}
    assert keep(query, texts, **settings) == tuple(
        i for i, count in enumerate(common) if count < 3 or count < 0.3 * len(wanted)
    )
