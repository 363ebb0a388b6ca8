"""Each document gets a label by itself, and a label that is none drops nothing unasked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, SeededRandomSource, build
from defenses.generation.secon_conflict import SeconConflict
from sentinel import ConfigurationError, Request
from tests.defenses.readers import QUESTION, Reader, asked, read, says

REQUEST = Request(QUESTION, time=0.0)
DOCUMENTS = says("paris", "rome", None, "rome", "paris")
LABELS = {
    "<<document 1": None,
    "Passage 1": "**Poisoned**.",
    "Passage 2": "irrelevant",
    "Passage 3": "This is conflicting, I think",
    "Passage": "Trustable",
}


class Judge(Reader):
    """Labels documents that stand by themselves as told, and reads otherwise."""

    def __init__(self, labels=LABELS, own="It is Paris.", window=None):
        super().__init__("nowhere", window=window)
        self.labels, self.own = labels, own

    def answer(self, prompt):
        if "Answer this question from what you know" in prompt.user:
            return self.own
        if "Say which one word" in prompt.user:
            return next(
                (label or "" for part, label in self.labels.items() if label is not None and part in prompt.user), ""
            )
        return super().answer(prompt)


def run(judge, documents=DOCUMENTS, **parameters):
    resources = Resources(SeededRandomSource(1))
    return build("secon_conflict", parameters).generate(asked(documents), judge, REQUEST, resources)


def test_only_trustable_documents_are_answered_from():
    judge = Judge()
    made = run(judge)
    assert made.text == "paris"
    assert made.dropped == {
        1: "judged poisoned",
        2: "judged irrelevant to the question",
        3: "judged in conflict with what the model knows",
    }
    assert made.calls == len(judge.prompts) == 7
    assert [len(batch) for batch in judge.batches] == [1, 5, 1]
    assert all(len(read(prompt)) == 1 for prompt in judge.batches[1]), "one document to a label"
    assert judge.prompts[-1] == asked([DOCUMENTS[0], DOCUMENTS[4]]).prompt


def test_the_models_own_answer_is_shown_where_it_has_one():
    judge = Judge(own="It is Paris.")
    run(judge)
    assert all("\nIt is Paris.\n" in prompt.user for prompt in judge.batches[1])
    judge = Judge(own="I don't know.")
    made = run(judge)
    assert 3 not in made.dropped, "in conflict with nothing"
    assert set(made.dropped) == {1, 2}
    assert not any("conflicting" in prompt.user for prompt in judge.batches[1])
    assert not any("earlier answer " in prompt.user.split("Say which")[0] for prompt in judge.batches[1])


@pytest.mark.parametrize("label", ["", "???", "I would need more context.", "poison"])
def test_labels_that_cannot_be_read(label):
    judge = Judge({"Passage": label})
    kept = run(judge)
    assert kept.dropped == {}
    assert judge.prompts[-1] == asked(DOCUMENTS).prompt, "untouched"
    dropped = run(Judge({"Passage": label}), unreadable="drop")
    assert dropped.dropped == dict.fromkeys(range(5), "the label could not be read")
    assert dropped.text == "nowhere"


def test_nothing_trustable_is_answered_without_documents():
    assert run(Judge({"Passage": "poisoned"})).text == "nowhere"


@given(st.permutations(DOCUMENTS))
def test_the_order_of_documents_decides_nothing(documents):
    made = run(Judge(), documents)
    assert made.text == "paris"
    assert {documents[i]: why for i, why in made.dropped.items()} == {
        DOCUMENTS[i]: why for i, why in run(Judge()).dropped.items()
    }


def test_copies_are_judged_once_and_share_one_fate():
    judge = Judge()
    made = run(judge, [*DOCUMENTS, DOCUMENTS[1], DOCUMENTS[0]])
    assert made.calls == 7
    assert set(made.dropped) == {1, 2, 3, 5}


def test_a_document_beyond_the_window_goes():
    judge = Judge(window=1200)
    made = run(judge, [*DOCUMENTS, "Passage 9: the answer is rome. " * 60])
    assert made.dropped[5] == "longer than the generator's window"
    assert made.text == "paris"


def test_without_documents_one_call():
    judge = Judge()
    assert (run(judge, []).text, len(judge.prompts)) == ("nowhere", 1)


def test_it_says_what_it_is():
    assert SeconConflict.manifest.baseline
    with pytest.raises(ConfigurationError, match=r"secon_conflict\.unreadable"):
        build("secon_conflict", {"unreadable": "guess"})
