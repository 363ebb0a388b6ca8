"""Isolated readings outvote a few planted documents, and where that is proven nothing can change the answer."""

import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from defenses import Resources, build
from defenses.generation.robust_rag import RobustRag, aggregate, least_count
from sentinel import ComponentError, ConfigurationError, Request, Threat
from tests.defenses.readers import QUESTION, Reader, WordByWord, asked, read, says

REQUEST = Request(QUESTION, time=0.0)


def run(documents, generator=None, **parameters):
    return build("robust_rag", parameters).generate(
        asked(documents), generator or Reader("nowhere"), REQUEST, Resources()
    )


def test_least_count_golden():
    # min(beta, alpha * answers), rounded up: .3 * 5 = 1.5, .3 * 10 = 3, .3 * 20 = 6 > 3.
    assert [least_count(n, 0.3, 3) for n in (0, 3, 4, 5, 10, 20)] == [1, 1, 2, 2, 3, 3]


def test_aggregate_golden():
    # Of 10 answers 3 are required, and c = 1: 4 - 1 >= 3 for a, 1 + 1 < 3 for b, and 1 < 3 for what nobody holds.
    found = [frozenset({"a"})] * 4 + [frozenset({"b"})] + [frozenset()] * 5
    assert aggregate(found, 0.3, 3, 1).keywords == ("a",)
    assert aggregate(found, 0.3, 3, 1).certified
    assert not aggregate(found, 0.3, 3, 2).certified, "two could take two votes from a"
    assert not aggregate([*found[1:], frozenset()], 0.3, 3, 1).certified, "one could take a below three"
    twice = [*found[:-1], frozenset({"b"})]
    assert not aggregate(twice, 0.3, 3, 1).certified, "one could lift b to three"


def test_few_planted_documents_do_not_speak_for_the_others():
    documents = says(*["paris"] * 7, "rome", None, None)
    reader = Reader("nowhere")
    made = run(documents, reader)
    assert made.text == "paris"
    assert made.dropped == dict.fromkeys((8, 9), "gives no answer by itself")
    assert made.calls == len(reader.prompts) == 11
    assert [len(batch) for batch in reader.batches] == [10, 1]
    assert all(len(read(prompt)) == 1 for prompt in reader.batches[0]), "isolated"
    assert not any(document in reader.prompts[-1].user for document in documents)


def test_nothing_said_is_answered_without_documents():
    for documents in (says(None, None), ["", ""]):
        reader = Reader("nowhere")
        assert run(documents, reader).text == "nowhere"
        assert reader.prompts[-1] == asked([]).prompt
    reader = Reader("nowhere")
    made = run([], reader)
    assert (made.text, made.calls, made.dropped) == ("nowhere", 1, {})
    assert reader.prompts == [asked([]).prompt]


ANSWERS = st.sampled_from(["paris", "rome", "new london town", "old town", None])
DOCUMENTS = st.lists(ANSWERS, min_size=1, max_size=14).flatmap(lambda found: st.permutations(says(*found)))


@given(DOCUMENTS, st.integers(0, 99), st.sampled_from(["keyword", "decoding"]))
def test_the_order_of_documents_decides_nothing(documents, seed, aggregation):
    documents = [text.replace("new london town", "london").replace("old town", "town") for text in documents]
    shuffled = list(documents)
    random.Random(seed).shuffle(shuffled)
    one, other = (run(texts, WordByWord("rome"), aggregation=aggregation) for texts in (documents, shuffled))
    assert (one.text, one.calls, len(one.dropped)) == (other.text, other.calls, len(other.dropped))


PLANTED = st.lists(st.sampled_from(["rome", "new london town", None, "paris", "london"]), min_size=3, max_size=3)


@settings(max_examples=200)
@given(
    st.integers(2, 14), st.integers(0, 5), st.integers(0, 3), st.integers(1, 3), st.floats(0.1, 1.0), st.integers(1, 6),
    PLANTED, st.randoms(),
)  # fmt: skip
def test_certified_answers_cannot_be_changed(agree, differ, silent, corrupted, alpha, beta, planted, source):
    documents = says(*["paris"] * agree, *["rome"] * differ, *[None] * silent)
    defense = RobustRag(alpha=alpha, beta=beta, corrupted=corrupted)
    found = defense.certify(asked(documents), Reader("nowhere"))
    assume(found.certified)
    attacked = list(documents)
    places = source.sample(range(len(documents)), min(corrupted, len(documents)))
    for text, place in zip(says(*planted), places, strict=False):
        attacked[place] = text
    assert defense.certify(asked(attacked), Reader("nowhere")).generated.text == found.generated.text


def test_certificates_are_given_and_withheld():
    def certified(*answers, **parameters):
        return RobustRag(**parameters).certify(asked(says(*answers)), Reader()).certified

    assert certified(*["paris"] * 10)
    assert certified(*["paris"] * 9, "rome")
    assert not certified(*["paris"] * 7, *["rome"] * 3), "rome stands at the threshold"
    assert certified(*["paris"] * 4)
    assert not certified(*["paris"] * 3), "of three answers one is enough for a keyword of its own"
    assert not certified(*["paris"] * 10, corrupted=3), "three can bring in a keyword that nobody held"
    assert certified()


def test_decoding_follows_the_documents_and_falls_back_to_the_model():
    reader = WordByWord("rome")
    made = run(says("paris", "paris", "paris", "london", None), reader, aggregation="decoding")
    assert made.text == "paris"
    assert made.dropped == {4: "gives no answer by itself"}
    # Five readings, then two steps (a word and the end) of four documents and the prompt without any.
    assert made.calls == len(reader.prompts) == 5 + 2 * 5
    assert run(says("paris", "london"), WordByWord("rome"), aggregation="decoding").text == "rome", (
        "no lead, no documents"
    )
    assert run(says(None), WordByWord("rome"), aggregation="decoding").text == "rome"
    assert run(says(*["london town"] * 3), WordByWord("rome"), aggregation="decoding").text == "london town"
    assert run(says(*["london town"] * 3), WordByWord("rome"), aggregation="decoding", max_tokens=1).text == "london"


@given(
    st.integers(0, 8), st.integers(0, 4), st.integers(1, 2), st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    st.lists(st.sampled_from(["rome", "london town", None, "paris"]), min_size=2, max_size=2), st.randoms(),
)  # fmt: skip
def test_certified_decoding_cannot_be_changed(agree, differ, corrupted, eta, planted, source):
    documents = says(*["paris"] * agree, *["london"] * differ)
    defense = RobustRag(aggregation="decoding", eta=eta, corrupted=corrupted)
    found = defense.certify(asked(documents), WordByWord("town"))
    assume(found.certified and documents)
    attacked = list(documents)
    places = source.sample(range(len(documents)), min(corrupted, len(documents)))
    for text, place in zip(says(*planted), places, strict=False):
        attacked[place] = text
    assert defense.certify(asked(attacked), WordByWord("town")).generated.text == found.generated.text


def test_decoding_certificates_are_given_and_withheld():
    def certified(paris, london, eta=1.0, max_tokens=32):
        defense = RobustRag(aggregation="decoding", eta=eta, max_tokens=max_tokens)
        return defense.certify(asked(says(*["paris"] * paris, *["london"] * london)), WordByWord("town")).certified

    assert certified(5, 0), "a lead of 5 * (.9 - .1 / 7) = 4.43 stays above 1 when it falls by 2"
    assert not certified(3, 0), "2.66 does not"
    assert certified(2, 2, eta=2.0, max_tokens=1), "no lead stays at or below 2 when it grows by 2"
    assert not certified(2, 2)


def test_decoding_needs_probabilities():
    with pytest.raises(ConfigurationError, match="transformers model"):
        run(says("paris"), Reader(), aggregation="decoding")

    class Broken(WordByWord):
        def next_token_probabilities(self, prompts, answers):
            found, vocabulary = super().next_token_probabilities(prompts, answers)
            return found * np.nan, vocabulary

    with pytest.raises(ComponentError, match="no probabilities"):
        run(says("paris"), Broken(), aggregation="decoding")


def test_a_planted_document_beyond_the_window_stops_nobody():
    documents = [*says(*["paris"] * 4), "the answer is rome. " * 100]
    made = run(documents, Reader(window=500))
    assert made.text == "paris"
    assert set(made.dropped) == {4}
    assert made.calls == 11


def test_it_says_what_it_is():
    assert RobustRag.manifest.baseline
    assert Threat.POISONING in RobustRag.manifest.threats
    assert "certify" in RobustRag.manifest.guarantee


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"beta": 0}, {"eta": -1}, {"aggregation": "vote"}, {"corrupted": -1}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="robust_rag"):
        build("robust_rag", wrong)
