"""Chat models that plan as a test says, and the policy that asks them."""

import json

from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from sentinel import Request, RiskProfile, Threat
from strategist.policies.llm import LlmPolicy

REQUEST = Request("where does the secret harbour bridge stand", 4, trust=0.3)
PROFILE = RiskProfile({"question_echo": 0.9, "yes_no_run": 3.0, "gibberish": None}, {Threat.POISONING: 0.8})


class Recording(FakeListChatModel):
    """Answers in turn, in words, and keeps what it was shown."""

    shown: list = []  # noqa: RUF012

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        self.shown.append(messages)
        return super()._call(messages, stop, run_manager, **kwargs)


class Calling(GenericFakeChatModel):
    """A chat model that can call tools: the base class's own machinery does the rest."""

    bound: list = []  # noqa: RUF012

    def bind_tools(self, tools, **kwargs):
        self.bound.append(tools)
        return self


class Raising(FakeListChatModel):
    """Cannot be reached, and says the query in its error."""

    responses: list = []  # noqa: RUF012

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        raise ConnectionError("no route to the model; the query was 'secret harbour'")


class Hanging(FakeListChatModel):
    """Answers only when the event `until` is set."""

    responses: list = []  # noqa: RUF012
    until: object = None

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        self.until.wait(30)
        return answer()


def answer(*defenses):
    """An answer in words: names and parameters."""
    return json.dumps({"defenses": [{"name": n, "parameters": p, "reason": "it echoes"} for n, p in defenses]})


def tool_call(*defenses):
    """The same as a call of the tool that was offered."""
    arguments = {"defenses": [{"name": n, "parameters": p, "reason": "it echoes"} for n, p in defenses]}
    return AIMessage("", tool_calls=[{"name": "ControllerAnswer", "args": arguments, "id": "1"}])


def llm(*responses, **parameters):
    """A policy whose model gives these answers in turn."""
    return LlmPolicy(model=Recording(responses=list(responses), shown=[]), **parameters)


def after(response, **parameters):
    """A policy whose model chooses nothing before retrieval, and answers this after it."""
    return llm(answer(), response, **parameters)
