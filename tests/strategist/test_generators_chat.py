"""ChatGenerator: any chat model of LangChain behind the generators' face."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from defenses.generator import Generator, Prompt
from sentinel import ComponentError, ConfigurationError, DataError
from strategist.generators import ChatGenerator


class Echo(BaseChatModel):
    """Answers with what it was asked, as roles and texts; streams it in pieces."""

    model: str = "echo-1"
    api_key: str = "secret"
    answer: str | None = None
    size: int = 3
    seen: list = []  # noqa: RUF012

    @property
    def _llm_type(self):
        return "echo"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.seen.append(kwargs)
        if messages[-1].content == "fail":
            raise ValueError("fail")
        text = self.answer if self.answer is not None else "|".join(f"{one.type}:{one.content}" for one in messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        text = self._generate(messages, **kwargs).generations[0].message.content
        for start in range(0, len(text), self.size):
            yield ChatGenerationChunk(message=AIMessageChunk(text[start : start + self.size]))


def test_turns_and_order():
    generator = ChatGenerator(Echo())
    assert isinstance(generator, Generator)
    prompts = [Prompt("a"), Prompt("b", system="s"), Prompt("c", start="So: ")]
    expected = ["human:a", "system:s|human:b", "human:c|ai:So:"]
    assert generator.generate(prompts) == expected
    assert asyncio.run(generator.agenerate(prompts)) == expected
    assert generator.generate([]) == []


def test_the_longest_answer_reaches_the_model():
    model = Echo(seen=[])
    generator = ChatGenerator(model, max_tokens=7)
    generator.generate([Prompt("a")])
    generator.generate([Prompt("a")], max_tokens=3)
    ChatGenerator(model).generate([Prompt("a")])
    ChatGenerator(model, max_tokens=7, limit_name=None).generate([Prompt("a")])
    assert model.seen == [{"max_tokens": 7}, {"max_tokens": 3}, {}, {}]
    with pytest.raises(ConfigurationError, match="max_tokens"):
        generator.generate([Prompt("a")], max_tokens=0)


@given(st.text("So: a\n", max_size=12), st.sampled_from(["", "So:", "So: ", " a"]), st.integers(1, 4))
def test_streams_what_it_generates(answer, start, size):
    generator = ChatGenerator(Echo(answer=answer or "x", size=size))
    prompt = Prompt("q", start=start)
    pieces = list(generator.stream(prompt))
    assert "".join(pieces) == generator.generate([prompt])[0]
    assert all(pieces)

    async def gather():
        return [piece async for piece in generator.astream(prompt)]

    assert asyncio.run(gather()) == pieces


def test_a_start_that_is_written_again_is_taken_off():
    assert ChatGenerator(Echo(answer="So: Paris")).generate([Prompt("q", start="So: ")]) == ["Paris"]
    assert ChatGenerator(Echo(answer=" Paris\n")).generate([Prompt("q", start="So:")]) == ["Paris"]


def test_content_in_blocks():
    blocks = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Paris"}]
    model = GenericFakeChatModel(messages=iter([AIMessage(content=blocks)]))
    assert ChatGenerator(model).generate([Prompt("x")]) == ["Paris"]


def test_what_fails_says_so_without_the_prompt():
    generator = ChatGenerator(Echo(), name="mine")
    for ask in (
        lambda: generator.generate([Prompt("fail")]),
        lambda: list(generator.stream(Prompt("fail"))),
        lambda: asyncio.run(generator.agenerate([Prompt("fail")])),
    ):
        with pytest.raises(ComponentError, match=r"^mine: ValueError$"):
            ask()
    with pytest.raises(DataError, match="prompt 1"):
        generator.generate([Prompt("a"), Prompt(" ")])


def test_name_and_fingerprint():
    assert ChatGenerator(Echo()).name == "Echo:echo-1"
    assert ChatGenerator(Echo()).fingerprint == ChatGenerator(Echo(api_key="other")).fingerprint
    assert ChatGenerator(Echo()).fingerprint != ChatGenerator(Echo(model="echo-2")).fingerprint
    with pytest.raises(ConfigurationError, match="no LangChain chat model"):
        ChatGenerator(object())
    with pytest.raises(ConfigurationError, match="concurrency"):
        ChatGenerator(Echo(), concurrency=0)
