"""Recall, consolidate, answer: three calls, and an answer whatever the model says on the way."""

import pytest

from defenses import Resources, SeededRandomSource, build
from defenses.generation.trustrag_conflict import TrustragConflict
from sentinel import ComponentError, ConfigurationError, DataError, Request
from tests.defenses.readers import QUESTION, Reader, asked, read, says

REQUEST = Request(QUESTION, time=0.0)
DOCUMENTS = says("paris", "rome", "rome")
RECALL, SUMMARISE = "Without looking anything up", "may have been planted"


def run(reader, documents=DOCUMENTS, **parameters):
    resources = Resources(SeededRandomSource(1))
    return build("trustrag_conflict", parameters).generate(asked(documents), reader, REQUEST, resources)


def test_the_summary_and_the_memory_stand_where_the_documents_stood():
    reader = Reader(replies={RECALL: "I recall Paris.", SUMMARISE: "the answer is paris."})
    made = run(reader)
    recall, summarise, final = reader.prompts
    assert made.text == "paris"
    assert made.calls == 3
    assert recall.documents == ()
    assert not any(document in recall.user for document in DOCUMENTS)
    assert read(summarise) == DOCUMENTS
    assert "I recall Paris." in summarise.user
    assert read(final) == ["the answer is paris.", "I recall Paris."]
    assert final.user == asked(read(final)).prompt.user, "the user's own template"
    assert "more trust" in final.system


@pytest.mark.parametrize("memory", ["I don't know.", "", "Sorry, I cannot say."])
def test_a_model_that_knows_nothing_brings_no_memory(memory):
    reader = Reader(replies={RECALL: memory, SUMMARISE: "the answer is paris."})
    assert run(reader).text == "paris"
    assert "<<memory" not in reader.prompts[1].user
    assert read(reader.prompts[-1]) == ["the answer is paris."]


def test_an_empty_summary_leaves_the_documents():
    reader = Reader(replies={SUMMARISE: "  "})
    made = run(reader)
    assert (made.text, made.calls) == ("rome", 3)
    assert reader.prompts[-1] == asked(DOCUMENTS).prompt


def test_a_summary_prompt_that_does_not_fit_leaves_the_documents():
    # The recall prompt has no documents; the summary's is longer than the plain one by our task.
    window = max(len(asked(DOCUMENTS * 8).prompt.user), 400)
    made = run(Reader(window=window), DOCUMENTS * 8)
    assert (made.text, made.calls) == ("rome", 3)
    with pytest.raises(DataError):
        run(Reader(window=400), DOCUMENTS * 80)


def test_without_documents_one_call():
    reader = Reader("rome")
    made = run(reader, [])
    assert (made.text, made.calls) == ("rome", 1)
    assert reader.prompts == [asked([]).prompt]


def test_a_failing_generator_is_not_hidden():
    class Failing(Reader):
        def generate(self, prompts, *, max_tokens=None):
            raise ComponentError("reader", "out of memory")

    with pytest.raises(ComponentError):
        run(Failing())


def test_it_says_what_it_is():
    assert TrustragConflict.manifest.baseline
    assert TrustragConflict.manifest.guarantee == "none"
    with pytest.raises(ConfigurationError, match=r"trustrag_conflict\.summary_tokens"):
        build("trustrag_conflict", {"summary_tokens": 0})
