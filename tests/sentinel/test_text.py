"""Normalisation, words, containment, and the run finder's promise of linear work."""

import re
import unicodedata
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentinel.text import (
    MAX_TEXT_CHARACTERS,
    RunFinder,
    _normalise,
    containment,
    cut_by_spaces,
    normalise,
    shorten,
    word_ngrams,
    words,
)

ANY_TEXT = st.text(st.characters(), max_size=80)  # every code point, lone surrogates among them
PLAIN = "the evil twin's password is opera"


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@given(ANY_TEXT)
@example("e‍́")  # composes only once the joiner is gone
@example("aᾳ ŉǰ ΐ İ ẞ")  # case folding takes letters apart
@example("aԀ Һb")  # capital look-alikes whose small form is one too
@example("\ufdfa" * 20)
def test_normalise_is_idempotent_and_never_raises(text):
    once = normalise(text)
    assert normalise(once) == once
    assert all(part and not part.isspace() for part in words(text))


@given(ANY_TEXT | st.text(st.sampled_from("aE –’“”é£½ßﬁİΑα한ᄒ́\u200b\n\x07"), max_size=30))
@example("naïve – “1½ £”")
@example("e\u200b\u0301")
def test_what_is_replaced_character_by_character_comes_out_as_the_whole_does(text):
    assert normalise(text) == _normalise(text)


def test_every_character_of_the_basic_plane_comes_out_the_same_beside_letters():
    for point in range(0x80, 0x10000):
        text = f"a{chr(point)}e {chr(point)}{chr(point)}"
        assert normalise.__wrapped__(text) == _normalise(text), hex(point)


@given(ANY_TEXT | st.text(st.sampled_from("ab' é東हि "), max_size=30))
def test_where_spaces_part_words_they_are_runs_of_letters_and_figures(text):
    normal = normalise(text)
    if cut_by_spaces(normal):
        assert list(words(text)) == re.findall(r"[^\W_]+(?:['’][^\W_]+)?", normal)
    assert cut_by_spaces("naïve – “1½”")
    assert not cut_by_spaces("東京")
    assert not cut_by_spaces("हि")


@pytest.mark.parametrize("letter", ["a", "é", "‍", "à"])
def test_normalise_is_idempotent_for_every_letter_of_the_basic_plane(letter):
    text = " ".join(letter + chr(point) for point in range(0x10000))
    for start in range(0, len(text), 50_000):
        once = normalise(text[start : start + 50_000])
        assert normalise(once) == once


@pytest.mark.parametrize(
    "disguised",
    [
        full_width(PLAIN),
        PLAIN.upper(),
        PLAIN.replace("'", "’"),
        PLAIN.replace("e", "е"),  # Cyrillic
        PLAIN.replace("o", "ο").replace("v", "ν"),  # Greek
        PLAIN.replace("i", "i\u200b").replace("e", "e\u2060"),  # zero width
        PLAIN.replace("s", "s\u00ad").replace("w", "w\u200d"),  # soft hyphen, joiner
        PLAIN.replace("v", "v\ufe0f").replace("p", "p\u034f"),  # variation selector, grapheme joiner
        PLAIN.replace("t", "t\U000e0041").replace("w", "\u202ew"),  # tag, direction override
        PLAIN.replace("v", "\x00v\x07"),  # control characters
        PLAIN.replace(" ", "\u00a0"),
        PLAIN.replace(" ", "\x0c"),
        PLAIN.replace(" ", "\r"),
    ],
    ids=lambda text: ascii(text)[:40],
)
@pytest.mark.parametrize("suffix", ["", " 東京"])
def test_disguises_give_the_same_words(disguised, suffix):
    assert words(disguised + suffix) == words(PLAIN + suffix)


def test_a_control_character_means_the_same_in_ascii_and_beyond():
    assert words("page one\x0cpage two") == words("page one\x0cpage two é")[:-1] == ("page", "one", "page", "two")
    assert words("se\x00cret") == words("se\x00cret é")[:-1] == ("secret",)


def test_words_of_one_other_script_are_left_alone():
    assert words("Москва αθήνα") == ("москва", "αθήνα")


def test_nothing_invisible_is_left():
    hidden = "".join(chr(p) for p in range(0x20000) if unicodedata.category(chr(p)) == "Cf")
    assert normalise(f"a{hidden}b") == "ab"


def test_text_beyond_the_limit_is_not_looked_at():
    assert len(normalise("\ufdfa" * (MAX_TEXT_CHARACTERS + 1))) == MAX_TEXT_CHARACTERS
    assert "tail" not in words("a " * MAX_TEXT_CHARACTERS + "tail")


def test_underscores_part_words_and_apostrophes_join_them():
    assert words("[MASK_1]: the dog's o'clock 'quoted' don''t") == (
        *("mask", "1", "the", "dog's", "o'clock", "quoted", "don", "t"),
    )


def test_word_ngrams():
    assert word_ngrams("a b a b a", 3) == {("a", "b", "a"), ("b", "a", "b")}
    assert word_ngrams("a b", 3) == frozenset()


def test_containment_golden():
    # 3-grams of the query: abc bcd cde def; the text holds abc and bcd: 2 of 4.
    assert containment("a b c d e f", "x a b c d y e f") == 0.5
    assert containment("a b c d e f", "A, b; c - d e (f)!") == 1.0
    assert containment("a b c", "c b a") == 0.0
    assert containment("a b", "a b") is None
    assert containment("a b c d", "b x c y a", n=1) == 0.75


@given(ANY_TEXT, ANY_TEXT)
def test_containment_lies_in_the_unit_interval(query, text):
    value = containment(query, text)
    assert value is None or 0.0 <= value <= 1.0
    assert containment(query, query) in (None, 1.0)


def naive_longest(query, text):
    return max(
        (n for i in range(len(query)) for j in range(len(text)) for n in [common_prefix(query[i:], text[j:])]),
        default=0,
    )


def common_prefix(left, right):
    n = 0
    while n < min(len(left), len(right)) and left[n] == right[n]:
        n += 1
    return n


WORDS = st.lists(st.sampled_from("abc"), max_size=14)


@given(WORDS, st.lists(st.sampled_from("abcd"), max_size=20))
def test_run_finder_agrees_with_brute_force(query, text):
    assert RunFinder(query).longest(text) == naive_longest(query, text)


def test_run_finder_agrees_with_brute_force_on_every_short_pair_of_two_letters():
    sequences = ["".join(s) for n in range(6) for s in product("ab", repeat=n)]
    for query in sequences:
        finder = RunFinder(query)
        for text in sequences:
            longest = max((b - a for b in range(len(text) + 1) for a in range(b) if text[a:b] in query), default=0)
            assert finder.longest(text) == longest, (query, text)


def test_run_finder_compares_words_not_letters():
    assert RunFinder(["cat", "sat"]).longest(["ca", "tsat"]) == 0


class Counting(dict):
    """A transition table that counts how often any of its kind is read."""

    reads = 0

    def get(self, key, default=None):
        Counting.reads += 1
        return super().get(key, default)


def hostile_pairs(size):
    yield ["a"] * size, ["a"] * size
    yield ["a"] * size, (["a"] * 50 + ["b"]) * (size // 51)
    yield ["a"] * (size // 2) + ["b"] * (size // 2), ["a"] * size
    yield ["a", "b"] * (size // 2), ["a", "a", "b"] * (size // 3)
    yield [str(i // 2) if i % 2 else "a" for i in range(size)], ["a"] * size
    fibonacci = ["a", "ab"]
    while len(fibonacci[-1]) < size:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    yield list(fibonacci[-1][:size]), [*fibonacci[-1][1:size], "c"]


@pytest.mark.parametrize("pair", list(hostile_pairs(3_000)))
def test_run_finder_is_linear_on_hostile_input(pair):
    query, text = pair
    finder = RunFinder(query)
    assert len(finder._next) <= 2 * len(query) + 1
    assert sum(map(len, finder._next)) <= 3 * len(query)
    finder._next = [Counting(table) for table in finder._next]
    Counting.reads = 0
    finder.longest(text)
    assert Counting.reads <= 2 * len(text) + 1


def test_run_finder_takes_one_word_a_hundred_thousand_times():
    size = 100_000
    finder = RunFinder(["again"] * size)
    assert len(finder._next) == size + 1
    finder._next = [Counting(table) for table in finder._next]
    Counting.reads = 0
    assert finder.longest(["again"] * size) == size
    assert Counting.reads <= 2 * size + 1


def test_shorten():
    assert shorten("one\n two") == "one two"
    assert shorten("x" * 61) == "x" * 59 + "…"
    assert shorten("x" * 60) == "x" * 60


def test_words_of_scripts_without_spaces_are_their_characters():
    assert words("我们 like 日本") == ("我", "们", "like", "日", "本")


def test_vowel_signs_are_part_of_the_word():
    assert words("नमस्ते दुनिया") == ("नमस्ते", "दुनिया")


def test_accents_heaped_on_a_word_do_not_hide_it():
    assert words("qu\u0337\u0338ick") == ("quick",)
    assert words("café") == ("café",)


def test_words_made_of_look_alikes_alone_are_undone_in_a_latin_text_only():
    disguised = "the report says that \u0430 \u0441\u043e\u0440 came to the house at night"  # Cyrillic a, cop
    assert "cop" in words(disguised)
    assert words("\u0441\u043e\u0440 \u0431\u044b\u043b \u0442\u0443\u0442") == (
        "\u0441\u043e\u0440",
        "\u0431\u044b\u043b",
        "\u0442\u0443\u0442",
    )
