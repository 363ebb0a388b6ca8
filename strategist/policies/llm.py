"""A language model as the controller, as the paper has it: it sees measurements, never documents."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import Field, PrivateAttr, field_serializer, field_validator

from defenses import DEFENSES
from sentinel.errors import ComponentError, ConfigurationError
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan
from strategist.policies import Policy, PolicyManifest, build_policy
from strategist.policies import _controller as controller

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage

logger = logging.getLogger(__name__)

BEFORE, AFTER = "before retrieval", "after retrieval"


class _Tally:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, what: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[what] = self._counts.get(what, 0) + 1

    def __getitem__(self, what: str) -> int:
        with self._lock:
            return self._counts.get(what, 0)


class LlmPolicy(Policy):
    """The paper's controller (arXiv 2604.20932, LLM Strategist) over our Sentinel and our defenses; prompt of our own.

    Any LangChain chat model is asked twice for each request, before and after retrieval. It is shown the permitted
    defenses with their ranges, and the profile: probabilities, suspicion, reasons, measurements, the client's past
    and trust. It is not shown documents, nor the query unless `show_query`: whoever writes them could then write to
    the controller. With `show_query` the text is a marked field of the report, and the model's own reasons, which
    may repeat it, are not recorded.

    The answer is taken as a wish. Defenses that are not permitted are refused and named in the plan's `removed`;
    parameters out of range are set to their bound, or to their default where the bound itself is not allowed. A
    defense chosen before retrieval stays, with its parameters, whatever is said after it (in the published code the
    later plan replaces the earlier).

    If the model raises, takes longer than `timeout_s`, answers in no readable form, or more than `parallel` calls are
    under way, the `fallback` policy plans that phase, and `removed["llm"]` says so. A call that hangs cannot be
    stopped; it keeps its place among `parallel` until it ends. Calls to the model inherit no callbacks of the request
    and may leave this machine: that depends on the model.

    Attributes:
        calls: How often the model was asked since this policy was made.
        fallbacks: How often the fallback planned in its place.

    Raises:
        ConfigurationError: There is no model, the spec cannot be resolved, or a name is unknown.
    """

    manifest = PolicyManifest(
        name="llm",
        summary="a language model plans from the measurements; needs a chat model",
        cost=Cost.MODEL_CALL,
        source="ADO, arXiv 2604.20932, LLM Strategist; prompt ours",
    )

    model: Any = Field(
        None,
        description="a LangChain chat model, 'provider:name' for langchain's init_chat_model, or a generator: 'local', "
        "a folder, a .gguf file or a hub id",
    )
    permitted: tuple[str, ...] | None = Field(
        None, description="defenses that it may choose; default: all but baselines and those that need a model"
    )
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")
    show_query: bool = Field(False, description="show it the client's text, which may try to instruct it")
    fallback: str = Field("rules", description="the policy that plans where the model fails")
    timeout_s: float = Field(20.0, gt=0.0, le=600.0, description="for each of the two calls, in seconds")
    parallel: int = Field(16, ge=1, le=1024, description="calls under way at one time; beyond it the fallback plans")

    _chat: Any = PrivateAttr()
    _structured: Any = PrivateAttr()
    _other: Policy = PrivateAttr()
    _names: tuple[str, ...] = PrivateAttr()
    _tally: _Tally = PrivateAttr(default_factory=_Tally)
    _places: threading.BoundedSemaphore = PrivateAttr()

    @field_validator("permitted")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if DEFENSES.get(name).manifest.stage not in controller.STAGES:
                raise ValueError(f"a plan cannot choose {name}")
        return names

    @field_serializer("model")
    def _named(self, model: Any) -> str:
        """The model in words, for the configuration's hash; never its settings, which hold keys, nor a path."""
        from strategist.generators import GeneratorChat

        if isinstance(model, str) and not isinstance(self._chat, GeneratorChat):
            return model
        model = self._chat
        name = getattr(model, "model_name", None) or getattr(model, "model", None)
        return ":".join([type(model).__name__, *([name] if isinstance(name, str) else [])])

    def model_post_init(self, context: Any, /) -> None:
        """Resolve the model and the fallback once; nothing here changes afterwards."""
        if self.fallback == self.manifest.name:
            raise ConfigurationError("policy llm: its fallback must be another policy")
        self._other = build_policy(self.fallback)
        self._names = self.permitted if self.permitted is not None else controller.default_permitted()
        self._chat = _resolved(self.model)
        self._structured = _bound(self._chat)
        self._places = threading.BoundedSemaphore(self.parallel)

    @property
    def calls(self) -> int:
        """How often the model was asked."""
        return self._tally["calls"]

    @property
    def fallbacks(self) -> int:
        """How often the fallback planned in its place."""
        return self._tally["fallbacks"]

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Ask for what has to act before the search."""
        early = [n for n in self._names if DEFENSES.get(n).manifest.stage is not Stage.CONTEXT]
        try:
            return self._asked(request, profile, DefensePlan(), early, BEFORE)
        except Exception as error:  # whatever a model or its client library raises
            return self._instead(self._other.before_retrieval(request, profile), DefensePlan(), error)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Ask for what to add now; what the first plan chose is not up for discussion."""
        late = [n for n in self._names if DEFENSES.get(n).manifest.stage is not Stage.QUERY and n not in plan.names]
        try:
            return self._asked(request, profile, plan, late, AFTER)
        except Exception as error:
            return self._instead(self._other.after_retrieval(request, profile, plan), plan, error)

    def _asked(
        self, request: Request, profile: RiskProfile, plan: DefensePlan, offered: list[str], phase: str
    ) -> DefensePlan:
        from langchain_core.messages import HumanMessage, SystemMessage

        told = controller.report(request, profile, offered, plan.names, phase, query=self.show_query)
        system = controller.INSTRUCTIONS + (controller.UNTRUSTED if self.show_query else "")
        if self._structured is None:
            system += controller.AS_JSON
        messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(told)]
        answer = self._within(lambda: _answer(self._structured or self._chat, messages))
        chosen, refused = controller.settle(answer, offered, plan.names, reasons=not self.show_query)
        return DefensePlan(chosen, self.overfetch, refused)

    def _within(self, call: Callable[[], controller.ControllerAnswer]) -> controller.ControllerAnswer:
        """Run a call in a thread of its own: one that hangs must keep neither the request nor the process."""
        if not self._places.acquire(blocking=False):
            raise ComponentError("llm", "too many calls under way")
        self._tally.add("calls")
        box: queue.SimpleQueue[controller.ControllerAnswer | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                box.put(call())
            except Exception as error:  # handed to the thread that waits
                box.put(error)
            finally:
                self._places.release()

        threading.Thread(target=work, name="llm-policy", daemon=True).start()
        try:
            got = box.get(timeout=self.timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(got, Exception):
            raise got
        return got

    def _instead(self, other: DefensePlan, plan: DefensePlan, error: Exception) -> DefensePlan:
        """The fallback's plan; what was chosen before keeps its parameters and is not removed."""
        self._tally.add("fallbacks")
        logger.warning("the controller failed (%s); policy %s plans", type(error).__name__, self.fallback)
        added = tuple(d for d in other.defenses if d.name not in plan.names)
        return replace(other, defenses=added, removed={"llm": f"{type(error).__name__}; {self.fallback} planned"})


def _resolved(model: Any) -> BaseChatModel:
    from langchain_core.language_models.chat_models import BaseChatModel

    # Imported here: whoever plans by rules needs no generators.
    from strategist.generators import ChatGenerator, GeneratorChat, load_generator

    if model is None:
        _refuse("give a LangChain chat model, or what names one: provider:name, local, folder, .gguf, hub id")
    if isinstance(model, BaseChatModel):
        return model
    try:
        generator = load_generator(model)
    except ConfigurationError as error:
        _refuse(str(error))
    return generator.model if isinstance(generator, ChatGenerator) else GeneratorChat(generator=generator)


def _refuse(why: str) -> NoReturn:
    raise ConfigurationError(f"policy llm: model: {why}") from None


def _bound(model: BaseChatModel) -> Any:
    """The model with its answers bound to our schema; None for one that cannot call tools."""
    try:
        return model.with_structured_output(controller.ControllerAnswer, include_raw=True)
    except (NotImplementedError, ValueError, TypeError):
        return None


def _answer(model: Any, messages: list[BaseMessage]) -> controller.ControllerAnswer:
    got = model.invoke(messages)
    parsed = got.get("parsed") if isinstance(got, dict) else None
    if parsed is not None:
        return controller.ControllerAnswer.model_validate(parsed)
    # Asked for a tool call, small models answer in words; what they wrote may still be the plan.
    message = got["raw"] if isinstance(got, dict) else got
    return controller.read(str(message.text))
