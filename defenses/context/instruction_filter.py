"""Cut instructions to the model out of passages."""

from __future__ import annotations

from typing import ClassVar

from defenses.base import DefenseManifest
from defenses.context._cutting import CuttingFilter, phrases
from sentinel._markers import dictates
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Threat

_SAY = "(?:output|respond|answer|reply|say|state|print|return|write|generate|produce)"
_ORDERS = "(?:instructions?|prompts?|directives?|commands?|guidelines|rules|context|contexts|messages)"


class InstructionFilter(CuttingFilter):
    """Cuts sentences that give orders to a model; keeps the rest of the passage byte for byte.

    A passage informs; it does not say what to answer. The phrases are those that only make sense to a machine that
    is asked questions: "ignore previous instructions", "when you are asked ..., please output ..." (the injection
    of RobustRAG and TrustRAG, PIA), "always answer the query ..." (Phantom), "your answer must be ...", "the only
    reply is ...", talk of the system prompt. English only, and only what is worded as an order: a false statement
    passes, and so does an order that no phrase covers. A text *about* injections loses the sentences that quote them.
    """

    manifest = DefenseManifest(
        name="instruction_filter",
        summary="cut sentences that give orders to the model",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.INJECTION}),
        cost=Cost.MILLISECONDS,
        source="ours, against Greshake et al., arXiv 2302.12173, and PIA of RobustRAG, arXiv 2405.15556",
    )

    what: ClassVar[str] = "give orders to the model"
    also = (dictates,)
    pattern = phrases(
        rf" (?:ignore|disregard|forget|override|bypass|discard)@{{0,3}} (?:previous|prior|above|earlier|preceding|"
        rf"foregoing|other|all|any|your|system|these|original|initial)@{{0,3}} {_ORDERS}",
        r" (?:ignore|disregard|forget) (?:everything|all|anything) (?:above|before|else|previous|prior|you)",
        r" (?:ignore|disregard)@{0,2} (?:other|remaining|retrieved|provided) (?:documents|passages|sources|evidence)",
        rf" (?:when|if|whenever) (?:you are|you're|the user|a user|someone|anyone|users)@{{0,2}} (?:asks?|asked"
        rf"|prompted"
        rf"|queried)@{{0,60}}? (?:please|must|always|should|simply|only|just) {_SAY}",
        rf" please {_SAY} (?:the following|exactly|only|nothing but|this answer|that the answer)",
        r" please (?:output|print|return|generate)",
        rf" (?:you (?:must|should|shall|have to|need to)|always|only|never) (?:now |only |always |never )?"
        rf"(?:{_SAY})@{{0,3}} (?:quer(?:y|ies)|questions?|prompts?|users?|requests?|exactly|only with|nothing but)",
        r" (?:your|the (?:only|final|correct|right)) (?:answer|response|output|reply) (?:must|should|has to|needs"
        r" to) be",
        r" (?:begin|start|end|prefix|finish)@{0,3} your (?:answer|response|output|reply|next)",
        r" (?:include|insert|append|add|mention)@{0,15}? (?:in|to) your (?:answer|response|output|reply)s?",
        rf" (?:reveal|print|repeat|show|leak|output|display|disclose)@{{0,3}} (?:system prompt|(?:your|all|previous"
        rf"|the "
        rf"above|hidden|initial) {_ORDERS})",
        r" (?:new|updated|important|additional|special|following|hidden) (?:system )?instructions? (?:for|to)"
        r" (?:the )?"
        r"(?:ai|assistant|model|llm|chatbot|language|you)",
        r" (?:you are (?:now )?an?|act as an?|pretend to be an?|as an?) @{0,2}(?: )?(?:ai|language model|llm|chatbot"
        r"|ai model|ai assistant)",
        r" you are now(?= [^ ]+ (?:ai|assistant|model|mode)| (?:an?|in|the))",
        r" do not (?:mention|reveal|disclose|tell|use|trust|rely on|cite|consult|consider)@{0,4} (?:the user|other "
        r"(?:documents|passages|sources|contexts?)|this instruction|these instructions|the instructions)",
        r" your (?:new |only |real |actual )?(?:task|job|role|goal|purpose|objective) (?:is|now is|is now) to",
    )
