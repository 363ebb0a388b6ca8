"""Prompts: every document stands where it is said to stand, whatever documents and question hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from defenses import NOT_FOUND, Prompt
from sentinel import ConfigurationError
from strategist import RagTemplate
from strategist.rag_prompt import NOTHING, LangChainTemplate, template_of

CHAT = ChatPromptTemplate.from_messages(
    [("system", "Be brief."), ("human", "<doc>{context}</doc>\nQ: {question}\nAgain: {question}")]
)
IN_SYSTEM = ChatPromptTemplate.from_messages([("system", "Use these: {context}"), ("human", "{input}")])
TEMPLATES = {
    "own": RagTemplate(),
    "plain": RagTemplate(numbered=False, user="{question} {{braces}}{documents}", system=""),
    "chat": LangChainTemplate(CHAT),
    "in_system": LangChainTemplate(IN_SYSTEM),
    "text": LangChainTemplate(PromptTemplate.from_template("{context}\n\n{question}")),
    "jinja": LangChainTemplate(
        PromptTemplate.from_template("{{ context }} / {{ question }}", template_format="jinja2")
    ),
}
TEXTS = st.text(max_size=30) | st.sampled_from(["{documents}", "{question}", "{context}", "{", "Document 2:\n", ""])


@pytest.mark.parametrize("name", TEMPLATES)
@given(st.lists(TEXTS, max_size=5), TEXTS, TEXTS)
def test_every_document_stands_where_the_prompt_says(name, documents, question, system):
    prompt = TEMPLATES[name].write(question, documents, system)
    assert [prompt.user[start:end] for start, end in prompt.documents] == documents
    ends = [0, *(end for _, end in prompt.documents)]
    assert all(start >= end for (start, _), end in zip(prompt.documents, ends, strict=False))
    # What is left when the documents are taken out is the template and the question, and nothing of theirs.
    rest, at = [], 0
    for start, end in prompt.documents:
        rest.append(prompt.user[at:start])
        at = end
    rest.append(prompt.user[at:])
    assert question in "".join(rest)
    assert prompt.system.endswith(system)


def test_the_wording():
    prompt = RagTemplate(system="Say {not_found}", start="It is").write("Who?", ["A.", "B."], "Mind.")
    assert prompt == Prompt(
        "Documents:\n\nDocument 1:\nA.\n\nDocument 2:\nB.\n\nQuestion: Who?",
        f"Say {NOT_FOUND}\n\nMind.",
        ((24, 26), (40, 42)),
        "It is",
    )
    assert NOT_FOUND in RagTemplate().write("Who?", ["A."]).system
    assert "Never." in RagTemplate(not_found="Never.").write("Who?", []).system


def test_no_documents_are_said_to_be_none():
    for template in TEMPLATES.values():
        prompt = template.write("Who?", [])
        assert NOTHING in prompt.user
        assert prompt.documents == ()


def test_a_langchain_template_keeps_its_turns_and_strangers_out_of_the_system_s():
    assert LangChainTemplate(CHAT).write("Who?", ["A.", "B."], "Mind.") == Prompt(
        "<doc>A.\n\nB.</doc>\nQ: Who?\nAgain: Who?", "Be brief.\n\nMind.", ((5, 7), (9, 11))
    )
    prompt = LangChainTemplate(IN_SYSTEM).write("Who?", ["A."])
    assert (prompt.user, prompt.system) == ("Use these: A.\n\nWho?", "")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ChatPromptTemplate.from_template("{question}"), "variables {context} and {question}"),
        (ChatPromptTemplate.from_template("{context}"), "variables {context} and {question}"),
        (ChatPromptTemplate.from_template("{context} {question} {mood}"), "'mood' that nothing fills"),
        (ChatPromptTemplate.from_template("{context} {context} {question}"), "put {context} in once"),
        (
            ChatPromptTemplate.from_messages([("human", "{context} {question}"), ("ai", "Well,")]),
            "a ai message does not fit",
        ),
        (
            PromptTemplate.from_template("{{ context | upper }} {{ question }}", template_format="jinja2"),
            "unchanged",
        ),
        ("{context} {question}", "not str"),
        (None, "not NoneType"),
    ],
)
def test_templates_that_do_not_fit(wrong, said):
    with pytest.raises(ConfigurationError, match=said.replace("{", r"\{").replace("}", r"\}")):
        template_of(wrong)


@pytest.mark.parametrize("user", ["{documents}", "{question}", "{documents}{documents}{question}", ""])
def test_a_wording_without_its_places(user):
    with pytest.raises(ConfigurationError, match="each once"):
        RagTemplate(user=user)


def test_partial_variables_are_filled():
    template = ChatPromptTemplate.from_template("{tone}: {context} {question}").partial(tone="Kindly")
    assert template_of(template).write("Who?", ["A."]).user == "Kindly: A. Who?"
