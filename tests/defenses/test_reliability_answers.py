"""The largest set of documents whose own answers do not contradict each other."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, SeededRandomSource, build
from defenses.generation._keywords import same_answer
from defenses.generation.reliability_answers import CONTRADICTS, ReliabilityAnswers
from sentinel import ConfigurationError, Request
from tests.defenses.readers import QUESTION, Reader, asked, read, says

REQUEST = Request(QUESTION, time=0.0)


def run(reader, documents, **parameters):
    resources = Resources(SeededRandomSource(1))
    return build("reliability_answers", parameters).generate(asked(documents), reader, REQUEST, resources)


def test_the_majority_stays_and_who_does_not_know_contradicts_nobody():
    documents = says("rome", "paris", None, "old paris", "rome", "paris")
    reader = Reader()
    made = run(reader, documents)
    assert made.text == "paris"
    assert made.dropped == {0: CONTRADICTS, 4: CONTRADICTS}
    assert made.calls == len(reader.prompts) == 7
    assert [len(batch) for batch in reader.batches] == [6, 1]
    assert reader.prompts[-1] == asked([documents[i] for i in (1, 2, 3, 5)]).prompt


def test_of_two_equal_sets_the_one_with_the_best_rank_stays():
    assert run(Reader(), says("rome", "paris", "paris", "rome")).text == "rome"
    assert run(Reader(), says("paris", "rome", "rome", "paris")).text == "paris"


def test_where_all_agree_the_prompt_is_untouched():
    for documents in (says("paris", "paris"), says(None, None), says("paris", None), [""]):
        reader = Reader()
        assert run(reader, documents).dropped == {}
        assert reader.prompts[-1] == asked(documents).prompt


ANSWERS = st.lists(st.sampled_from(["paris", "rome", "old paris", "london", "yes", "no", None]), max_size=9)


@given(ANSWERS)
def test_it_is_the_largest_set_and_the_first_of_the_largest(answers):
    documents = says(*answers)
    kept = set(range(len(answers))) - set(run(Reader(), documents).dropped)
    known = [i for i, answer in enumerate(answers) if answer]

    def holds(chosen):
        return all(same_answer(answers[i], answers[j], QUESTION) for i, j in combinations(chosen, 2))

    sizes = (c for size in range(len(known), -1, -1) for c in combinations(known, size))
    assert sorted(kept & set(known)) == list(next(c for c in sizes if holds(c))), "by exhaustive search"
    assert kept >= set(range(len(answers))) - set(known)


@given(ANSWERS.filter(bool), st.integers(0, 8))
def test_copies_sway_nothing(answers, which):
    documents = says(*answers)
    copied = [*documents, documents[which % len(documents)]]
    once, twice = run(Reader(), documents), run(Reader(), copied)
    assert {copied[i] for i in twice.dropped} == {documents[i] for i in once.dropped}
    assert twice.calls == once.calls


@given(ANSWERS, st.randoms())
def test_a_clear_majority_wins_in_any_order(answers, source):
    documents = says(*["london town"] * (len(answers) + 1), *["rome" if a else None for a in answers])
    source.shuffle(documents)
    assert run(Reader(), documents).text == "london town"


COMPARE = "Can both be right at once"


def judged(reply, documents, **parameters):
    reader = Reader(replies={COMPARE: reply})
    return run(reader, documents, judge="generator", **parameters), reader


def test_the_generator_as_judge():
    documents = says("lutetia", "paris", "rome", "paris")
    made, reader = judged("Yes, they can.", documents)
    assert made.dropped == {}
    # Four answers, three of them different: three pairs, in one batch.
    assert made.calls == len(reader.prompts) == 4 + 3 + 1
    assert [len(batch) for batch in reader.batches] == [4, 3, 1]
    assert not any(document in prompt.user for prompt in reader.batches[1] for document in documents)
    assert set(judged("**No**", documents)[0].dropped) == {0, 2}


@pytest.mark.parametrize("reply", ["", "Perhaps.", "The answers are given above."])
def test_a_judge_that_cannot_be_read_leaves_it_to_the_words(reply):
    documents = says("old paris", "paris", "rome")
    assert judged(reply, documents)[0].dropped == run(Reader(), documents).dropped == {2: CONTRADICTS}


def test_beyond_the_nodes_only_what_contradicts_the_set_goes():
    documents = says("rome", "paris", "paris", "paris", "rome")
    assert set(run(Reader(), documents, nodes=3).dropped) == {0, 4}
    assert set(run(Reader(), documents, nodes=1).dropped) == {1, 2, 3}


def test_a_document_beyond_the_window_goes():
    made = run(Reader(window=500), [*says("paris", "paris"), "the answer is rome. " * 100])
    assert made.dropped == {2: "longer than the generator's window"}
    assert made.text == "paris"


def test_one_document_by_itself_is_what_an_answer_is_from():
    reader = Reader()
    run(reader, says("paris", "rome"))
    assert [read(prompt) for prompt in reader.batches[0]] == [[document] for document in says("paris", "rome")]


def test_without_documents_one_call():
    reader = Reader("rome")
    assert (run(reader, []).text, reader.prompts) == ("rome", [asked([]).prompt])


def test_it_says_what_it_is():
    assert ReliabilityAnswers.manifest.baseline
    with pytest.raises(ConfigurationError, match=r"reliability_answers\.nodes"):
        build("reliability_answers", {"nodes": 21})
