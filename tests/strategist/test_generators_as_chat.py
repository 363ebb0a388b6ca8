"""GeneratorChat: any generator behind the face of a LangChain chat model."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate

from defenses.generator import Prompt
from sentinel import ConfigurationError, DataError
from strategist.generators import ChatGenerator, GeneratorChat
from strategist.generators.as_chat import prompt_of


class Echo:
    """Answers with the prompt's parts."""

    name, fingerprint = "echo", "sha256:0"

    def __init__(self):
        self.limits = []

    def generate(self, prompts, *, max_tokens=None):
        self.limits.append(max_tokens)
        return ["|".join([p.system, p.user, p.start]) for p in prompts]


def test_messages_become_one_prompt():
    assert prompt_of([HumanMessage("a")]) == Prompt("a")
    assert prompt_of([SystemMessage("s"), SystemMessage("t"), HumanMessage("a"), AIMessage("So:")]) == Prompt(
        "a", system="s\n\nt", start="So:"
    )
    several = prompt_of([HumanMessage("a"), AIMessage("b"), HumanMessage("c")])
    assert several == Prompt("User: a\n\nAssistant: b\n\nUser: c")
    for nobody in ([], [SystemMessage("s")], [AIMessage("b")]):
        with pytest.raises(DataError, match="empty"):
            prompt_of(nobody)


def test_it_stands_in_a_chain():
    generator = Echo()
    model = GeneratorChat(generator=generator, max_tokens=9)
    chain = ChatPromptTemplate.from_messages([("system", "Be {how}."), ("user", "{q}")]) | model
    assert chain.invoke({"how": "brief", "q": "Why?"}).text == "Be brief.|Why?|"
    assert [m.text for m in chain.batch([{"how": "a", "q": "b"}, {"how": "c", "q": "d"}])] == ["Be a.|b|", "Be c.|d|"]
    assert asyncio.run(chain.ainvoke({"how": "x", "q": "y"})).text == "Be x.|y|"
    assert "".join(piece.text for piece in chain.stream({"how": "x", "q": "y"})) == "Be x.|y|"
    assert set(generator.limits) == {9}


def test_stops_and_limits_of_a_call():
    generator = Echo()
    model = GeneratorChat(generator=generator)
    assert model.invoke("one two three", stop=["three", "two"]).text == "|one "
    model.invoke("a", max_tokens=3)
    assert generator.limits == [512, 3]


def test_there_and_back():
    """A generator as a chat model as a generator answers as it did."""
    prompts = [Prompt("a", system="s"), Prompt("b")]
    assert ChatGenerator(GeneratorChat(generator=Echo())).generate(prompts) == Echo().generate(prompts)


def test_refusals():
    with pytest.raises(ConfigurationError, match="no-such-folder"):
        GeneratorChat(generator="/no-such-folder")
    with pytest.raises(ConfigurationError, match="max_tokens"):
        GeneratorChat(generator=Echo(), max_tokens=0)
    assert GeneratorChat(generator=Echo()).model_name == "echo"
    with pytest.raises(NotImplementedError):
        GeneratorChat(generator=Echo()).with_structured_output(dict)
