"""No more of a document leaves than may be quoted, however it is written and however the answer is cut in chunks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import build
from defenses.answer._quotations import LEAST, Quotable
from defenses.answer._reading import ELISION, MARGIN, read
from sentinel import ConfigurationError
from sentinel.text import words
from tests.defenses.answer_suite import check, check_promises, stream


def passage(seed, length=60):
    """Words that no other passage has, but for a few that all have."""
    return " ".join(
        "the" if i % 7 == 3 else f"{'bcdfgh'[seed]}o{chr(97 + i % 26)}{chr(97 + i // 26)}n" for i in range(length)
    )


DOCUMENTS = [passage(i) for i in range(5)]
ALL = "\n\n".join(DOCUMENTS)
GUARD = build("leak_guard", {"quote_words": 12, "share": 0.1})


def verbatim(answer, documents=DOCUMENTS, n=LEAST):
    """Words of each document that stand in an answer in exact runs of n words or more: counted by brute force."""
    said = " ".join(words(answer))
    counts = []
    for text in documents:
        found = words(text)
        held = set()
        for at in range(len(found) - n + 1):
            if f" {' '.join(found[at : at + n])} " in f" {said} ":
                held.update(range(at, at + n))
        counts.append(len(held))
    return counts


def interleaved(text):
    return " ".join(f"{word} zebra" for word in text.split())


FORMS = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "punctuation": lambda text: text.replace(" ", ", "),
    "lines": lambda text: text.replace(" ", "\n"),
    "zero width": lambda text: "\u200b".join(text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
    "look-alikes": lambda text: text.replace("o", "о"),
    "a word after each": interleaved,
    "every third left out": lambda text: " ".join(w for i, w in enumerate(text.split()) if i % 3),
    "hyphens": lambda text: " ".join("-".join(word) for word in text.split()),
    "letters apart": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "written together": lambda text: re.sub(r"\s", "", text),
    "written together in pairs": lambda text: re.sub(r"(\S+) (\S+)", r"\1\2", text),
}


@pytest.mark.parametrize("form", FORMS)
def test_repeated_contexts_are_cut_in_every_form(form):
    whole = FORMS[form](ALL)
    left = check(GUARD, whole, DOCUMENTS)
    index = Quotable(DOCUMENTS)
    disclosed = set().union(*index.quoted(read(left.text, vocabulary=index.vocabulary)))
    assert len(disclosed) <= 30, "a tenth of 300 words"
    assert all(sum(place[0] == document for place in disclosed) <= 12 for document in range(5))
    kept = [word for word in words(re.sub(r"[\W_]", "", left.text)) if word]
    assert sum(map(len, kept)) < 0.65 * sum(map(len, words(re.sub(r"[\W_]", "", whole))))
    assert left.reasons == (left.reasons[0],)
    assert left.reasons[0].startswith("cut ")


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_no_chunk_boundary_lets_anything_out(size):
    text = ALL[: 100 * size + 300]
    assert stream(GUARD, text, size, DOCUMENTS) == check(GUARD, text, DOCUMENTS).text
    assert max(verbatim(check(GUARD, ALL, DOCUMENTS).text)) <= 12


def test_golden():
    text = f"They say: {' '.join(DOCUMENTS[0].split()[:20])}. And so on."
    kept = " ".join(DOCUMENTS[0].split()[:12])
    assert check(GUARD, text, DOCUMENTS).text == f"They say: {kept} {ELISION} And so on."
    assert check(GUARD, text, DOCUMENTS).reasons == ("cut 8 words quoted beyond the limit",)


def test_lead_ins_between_quotations_start_no_new_allowance():
    parts = DOCUMENTS[0].split()
    text = " ".join(f"And then it goes on like this: {' '.join(parts[i : i + 8])}." for i in range(0, 56, 8))
    assert verbatim(check(GUARD, text, DOCUMENTS).text)[0] <= 12
    assert check(GUARD, text, DOCUMENTS).text.count("And then it goes on like this:") == 7


PROSE = (
    "The meeting at the town hall was held on 20 April 2020; tea was made for both. A neighbour had reported a "
    "stranger with a key; it proved true. The cousin of the tenant holds the spare key of the house at the end of "
    "the lane. Debts of £489 were mentioned with shame. Overall risk: high. After the means test of the council "
    "she pays £151 weekly at the end of the week. The package of the council: a fire-safety visit at the house, "
    "amounting to 11 hours weekly, reviewed at the end of the month. The date of the visit was contested at the "
    "meeting of the council in the autumn."
)


@pytest.mark.parametrize(
    "form",
    [
        lambda text: "".join(text.split()),  # the longest known word from the left is often the wrong one
        lambda text: re.sub(r"(\S+) (\S+)", r"\1\2", text),
        interleaved,  # and "of the" stands in several places
    ],
)
def test_prose_is_read_whatever_is_done_to_its_spaces(form):
    index = Quotable([PROSE])
    quoted = index.quoted(read(form(PROSE), vocabulary=index.vocabulary))
    seen = {place[1] for places in quoted for place in places}
    assert len(seen) > 0.9 * index.words


def test_a_word_that_nobody_knows_is_one_word_even_where_letters_are_words():
    letters = frozenset({*"pelkwis", "pe", "lk", "wi", "se", "known", "words"})
    assert [word.text for word in read("pelkwise", vocabulary=letters)] == ["pelkwise"]
    assert [word.text for word in read("knownwords", vocabulary=letters)] == ["known", "words"]
    assert [word.text for word in read("aknown", vocabulary=letters | {"a"})] == ["a", "known"]


def test_the_same_words_again_cost_nothing():
    ten = " ".join(DOCUMENTS[0].split()[:10])
    text = " Once more: ".join([ten] * 6)
    assert check(GUARD, text, DOCUMENTS).text == text


def test_limits_of_one_document_and_of_all():
    twelve = [" ".join(text.split()[:12]) for text in DOCUMENTS]
    assert check(GUARD, " Next. ".join(twelve[:2]), DOCUMENTS).reasons == ()
    both = check(GUARD, " And now the next one. ".join(twelve), DOCUMENTS)
    assert sum(verbatim(both.text)) <= 30
    assert verbatim(both.text)[:2] == [12, 12]
    roomy = build("leak_guard", {"quote_words": 12, "share": 1.0})
    assert check(roomy, " And now the next one. ".join(twelve), DOCUMENTS).reasons == ()


def test_documents_that_are_copies_are_limited_as_one():
    copies = [DOCUMENTS[0]] * 5
    assert max(verbatim(check(build("leak_guard", {"quote_words": 12}), DOCUMENTS[0], copies).text)) <= 12


@pytest.mark.parametrize(
    "answer",
    [
        "", " \n", "Paris.", "The answer is 42, as the second document says.", f"It is {ELISION} somewhere.",
        "A summary of what the passages say, in words of its own, from the first to the last of them. " * 5,
        "Größe — “quoted” 東京は日本の首都です。 🙂",
    ],
)  # fmt: skip
def test_honest_answers_are_untouched(answer):
    assert check(GUARD, answer, DOCUMENTS).text == answer
    assert check(build("leak_guard"), ALL[:400], DOCUMENTS).text == ALL[:400]


def test_chinese_is_read_by_character():
    text = "秋天的湖水在月光下慢慢变冷而远处的山影沉入无声的夜色里许多年前人们曾经住在这里"
    left = check(GUARD, text, [text]).text
    assert left == text[:12] + ELISION


def test_nothing_is_too_long_to_be_looked_at():
    long = "filler words of no meaning. " * 8_000 + DOCUMENTS[0]
    assert verbatim(check(GUARD, long, DOCUMENTS).text)[0] <= 12
    repeated = "same word " * 5_000
    assert len(check(GUARD, repeated, [repeated]).text) <= len(repeated)


def test_without_documents_all_of_an_unfinished_answer_goes_out():
    assert check(GUARD, "half a wo", (), final=False).text == "half a wo"
    assert check(GUARD, "half a wo", ["", " "], final=False).text == "half a wo"


SMALL = st.lists(
    st.sampled_from(["a", "b", "ab", "c", "A-b-c", "\u0430b", "x.", "d", ELISION, "\n", "東京", "abcabcabcabcabcabc"]),
    max_size=60,
)


@given(
    SMALL,
    st.lists(SMALL.map(" ".join), max_size=3),
    st.lists(st.integers(0, 200), max_size=4),
    st.sampled_from(["", " ", "  "]),
)
def test_promises_on_hostile_repetition(parts, documents, cuts, space):
    guard = build("leak_guard", {"quote_words": 5, "share": 0.1})
    check_promises(guard, space.join(parts), cuts, documents)


@given(st.text(max_size=150), st.integers(0, 250), st.lists(st.integers(0, 400), max_size=4))
def test_promises_on_any_text(text, at, cuts):
    check_promises(GUARD, ALL[at : at + 250] + text + ALL[: at // 2], cuts, [*DOCUMENTS, text])


@given(st.text("ab -\u200b東[…]\n", max_size=200), st.integers(0, 200))
def test_reading_a_beginning_reads_the_beginning(text, cut):
    assert read(text)[: len(read(text[:cut], final=False))] == read(text[:cut], final=False)
    assert all(word.end <= len(text) - MARGIN for word in read(text, final=False))


@pytest.mark.parametrize("parameters", [{"quote_words": 4}, {"share": 0}, {"share": 1.1}])
def test_bad_parameters(parameters):
    with pytest.raises(ConfigurationError, match="leak_guard"):
        build("leak_guard", parameters)
