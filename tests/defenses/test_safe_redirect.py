"""The block says what is switched on, and stands in front of the system message of any prompt, once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from defenses import Framed, Resources, build, frame
from defenses.prompt.safe_redirect import STOP_SENTENCE
from sentinel import ConfigurationError, Request

REQUEST = Request("q", time=0.0)
DEFENSE = build("safe_redirect")
SWITCHES = ("permission_to_fail", "hard_stop", "preserve_placeholders")
TELLING = ("Let it fail", STOP_SENTENCE, "Leave each placeholder")


def test_golden():
    lines = DEFENSE.block.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("PRIORITY SAFETY RULE")
    assert "validation" in lines[1]
    assert [line[:2] for line in lines[2:5]] == ["1.", "2.", "3."]
    assert lines[4].endswith(STOP_SENTENCE)
    assert lines[5] == "In every other case do the task as usual."


@pytest.mark.parametrize("on", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("condition", ["specific", "generic"])
def test_each_component_is_there_if_switched_on_and_nothing_of_it_if_not(on, condition):
    parameters = {"condition": condition, **dict(zip(SWITCHES, on, strict=True))}
    if not any(on):
        with pytest.raises(ConfigurationError, match="switch on one"):
            build("safe_redirect", parameters)
        return
    block = build("safe_redirect", parameters).block
    assert tuple(text in block for text in TELLING) == on
    assert ("validation" in block) is (condition == "specific")
    assert f"\n{sum(on)}. " in block
    assert f"\n{sum(on) + 1}. " not in block
    assert ("placeholder" in block) is on[2]


def test_the_stop_sentence_can_be_chosen():
    assert "THE END IS HERE" in build("safe_redirect", {"stop": "THE END IS HERE"}).block
    for stop in ("", "END", "a b\nc d"):
        with pytest.raises(ConfigurationError, match=r"safe_redirect\.stop"):
            build("safe_redirect", {"stop": stop})


def test_documents_are_framed_unchanged():
    assert DEFENSE.frame(["One.", ""], REQUEST, Resources()) == Framed(("One.", ""), DEFENSE.block)
    assert DEFENSE.frame([], REQUEST, Resources()).system == DEFENSE.block
    both = frame([build("spotlight"), DEFENSE], ["One."], REQUEST, Resources())
    assert both.system.startswith(DEFENSE.block)
    assert "STOPPED" in both.system
    assert "strangers" in both.system


MESSAGES = st.lists(
    st.builds(SystemMessage, st.text(max_size=20))
    | st.builds(HumanMessage, st.text(max_size=20))
    | st.builds(AIMessage, st.text(max_size=20))
    | st.builds(
        SystemMessage, st.lists(st.builds(lambda t: {"type": "text", "text": t}, st.text(max_size=9)), max_size=2)
    ),
    max_size=5,
)


@given(MESSAGES)
def test_applied_to_messages_it_stands_first_in_one_system_message_once(messages):
    before = [message.model_copy(deep=True) for message in messages]
    once = DEFENSE.apply(messages)
    assert messages == before, "nothing is changed in place"
    assert DEFENSE.apply(once) == once
    systems = [m for m in once if m.type == "system"]
    assert len(systems) == max(1, sum(m.type == "system" for m in messages))
    first = systems[0].content
    assert (first if isinstance(first, str) else first[0]["text"]).startswith(DEFENSE.block)
    assert [m for m in once if m.type != "system"] == [m for m in messages if m.type != "system"]
    if not any(m.type == "system" for m in messages):
        assert once[0].type == "system"


@given(st.text(max_size=30))
def test_applied_to_text(text):
    once = DEFENSE.apply(text)
    assert once.startswith(DEFENSE.block)
    assert once.endswith(text)
    assert DEFENSE.apply(once) == once
    assert DEFENSE.apply(StringPromptValue(text=text)) == StringPromptValue(text=once)


def test_other_forms_of_messages():
    assert DEFENSE.apply([("system", "Be brief."), ("human", "Hi")])[0].content == f"{DEFENSE.block}\n\nBe brief."
    assert DEFENSE.apply([{"role": "user", "content": "Hi"}])[0].content == DEFENSE.block
    developer = DEFENSE.apply([ChatMessage(role="developer", content="Be brief.")])
    assert len(developer) == 1
    assert developer[0].content.startswith(DEFENSE.block)
    tuned = SystemMessage(content="x", id="7", additional_kwargs={"k": 1})
    assert DEFENSE.apply([tuned])[0] == tuned.model_copy(update={"content": f"{DEFENSE.block}\n\nx"})
    with pytest.raises(ConfigurationError, match="not int"):
        DEFENSE.apply(7)


async def test_a_step_of_a_chain():
    class Seen(GenericFakeChatModel):
        def _generate(self, messages, *args, **kwargs):
            seen.append(messages)
            return super()._generate(messages, *args, **kwargs)

    seen = []
    model = Seen(messages=iter([AIMessage("ok")] * 4))
    prompt = ChatPromptTemplate([("system", "Answer from {context}."), ("human", "{question}")])
    chain = prompt | DEFENSE.as_runnable() | model
    values = {"context": "the notes", "question": "Who?"}
    assert chain.invoke(values).content == "ok"
    assert (await chain.ainvoke(values)).content == "ok"
    assert [c.content for c in chain.batch([values])] == ["ok"]
    for messages in seen:
        assert messages[0].content == f"{DEFENSE.block}\n\nAnswer from the notes."
        assert messages[1].content == "Who?"
    plain = PromptTemplate.from_template("{question}") | DEFENSE.as_runnable()
    assert plain.invoke({"question": "Who?"}).to_string() == f"{DEFENSE.block}\n\nWho?"
    assert isinstance(DEFENSE.as_runnable().invoke(ChatPromptValue(messages=[])), ChatPromptValue)
