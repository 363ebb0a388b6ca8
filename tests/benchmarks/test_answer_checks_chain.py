"""The script behind a real chain: pieces of any size, prompts counted, failures not hidden."""

from __future__ import annotations

import random

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from benchmarks.answer_checks_chain import CHUNKS, LONGEST, Chain, Handed, Script, whole
from benchmarks.asking import PATIENT
from defenses import NOT_FOUND, AnswerDefense, Checked, Draft, GenerationDefense, Prompt, Resources, build
from defenses.answer.stop_check import StopCheck
from sentinel.errors import ComponentError
from sentinel.vocabulary import Request
from strategist import DefendedRetriever
from tests.benchmarks.tiny import BRIDGE, CHEESE

GUARD = {"quote_words": 12, "share": 0.1}


class Shelf(BaseRetriever):
    """The same documents for everybody."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(id=str(n), page_content=text) for n, text in enumerate((BRIDGE, CHEESE))]


@pytest.fixture
def retriever() -> DefendedRetriever:
    return DefendedRetriever.wrap(Shelf(), policy="none", k=2, resilience=PATIENT)


def test_a_script_says_what_it_is_told() -> None:
    script = Script()
    script.answer, script.sizes = "abcdefg", iter((3, 1, 9)).__next__
    assert list(script.stream(Prompt("?"))) == ["abc", "d", "efg"]
    assert script.generate([Prompt("?"), Prompt("!")]) == ["abcdefg"] * 2
    assert script.prompts == 3


def test_pieces_are_of_the_sizes_that_they_are_called_after() -> None:
    draw = random.Random(0)
    assert {CHUNKS["single characters"](draw) for _ in range(99)} == {1}
    assert {CHUNKS["random pieces"](draw) for _ in range(999)} == set(range(1, LONGEST + 1))


@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_streamed_answer_is_what_the_whole_check_gives(retriever: DefendedRetriever, chunks: str) -> None:
    guard = build("leak_guard", GUARD)
    assert isinstance(guard, AnswerDefense)
    checked, milliseconds = whole(guard, "when?", (BRIDGE, CHEESE), f"{BRIDGE} {CHEESE}", 0)
    draw = random.Random(1)
    streamed = Chain(retriever, guard).streamed("when?", f"{BRIDGE} {CHEESE}", lambda: CHUNKS[chunks](draw))
    assert streamed == checked
    assert "[…]" in checked.text
    assert checked.reasons[0].startswith("cut ")
    assert milliseconds > 0.0


def test_a_guard_that_takes_all_leaves_the_one_sentence(retriever: DefendedRetriever) -> None:
    class Nothing(StopCheck):
        def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
            return Checked(" ", ("took all",))

    assert whole(Nothing(), "when?", (), "text", 0)[0] == Handed(NOT_FOUND, ("took all",))
    assert Chain(retriever, Nothing()).streamed("when?", "text", lambda: 2).text == NOT_FOUND


def test_a_check_that_fails_ends_the_measurement(retriever: DefendedRetriever) -> None:
    class Failing(StopCheck):
        def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
            raise ValueError("no")

    with pytest.raises(ComponentError, match="stop_check"):
        Chain(retriever, Failing()).streamed("when?", "text", lambda: 2)


def test_prompts_are_counted(retriever: DefendedRetriever) -> None:
    defense = build("trustrag_conflict")
    assert isinstance(defense, GenerationDefense)
    chain = Chain(retriever, defense)
    assert [chain.prompts("when?", "In 1902.", f"client-{n}") for n in range(2)] == [3, 3]
