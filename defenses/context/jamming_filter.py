"""Cut refusals out of passages: what a model would be led to repeat instead of an answer."""

from __future__ import annotations

from typing import ClassVar

from defenses.base import DefenseManifest
from defenses.context._cutting import CuttingFilter, phrases
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Threat

_CANNOT = (
    "(?:cannot|can't|can not|could not|am unable to|'m unable to|am not able to|will not|won't|must decline to"
    "|refuse to)"
)
_GIVE = "(?:provide|give|offer|answer|respond|help|assist|comply|fulfil|fulfill|discuss|share|generate)"
_SUBJECT = "(?:question|query|request|response|answer|prompt|information|topic|content)s?"


class JammingFilter(CuttingFilter):
    """Cuts sentences that refuse, or tell the model to; keeps the rest of the passage byte for byte.

    Blocker documents (Shafran et al., arXiv 2406.05870) make a model say that it does not know, or may not. Their
    cheap form says so in words: "I don't know. The context does not provide enough information". A passage talks
    of its subject, not of questions, contexts and answers. Optimised blockers are token noise after the question:
    `gibberish_filter` and `echo_filter` are for those. English only; a speaker in a story who cannot answer a
    question loses that sentence, not the passage.
    """

    manifest = DefenseManifest(
        name="jamming_filter",
        summary="cut sentences that refuse to answer",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.JAMMING}),
        cost=Cost.MILLISECONDS,
        source="ours, against Shafran et al., arXiv 2406.05870",
    )

    what: ClassVar[str] = "refuse to answer"
    pattern = phrases(
        rf" (?:i|i'm|we) (?:{_CANNOT})@{{0,2}} {_GIVE}@{{0,6}} (?:this|that|your|the|these|a|an|any)@{{0,3}}"
        rf" {_SUBJECT}",
        rf" i (?:{_CANNOT})@{{0,1}} {_GIVE} (?:false|misleading|harmful|that|with that|with this|to that|you with)",
        rf" (?:i'm|i am) (?:sorry|afraid|unable)@{{0,4}} {_GIVE}",
        r" i'?m? (?:don't|do not|am not sure i) know@{0,12} (?:question|answer|context|query|enough information)",
        r" (?:the )?(?:provided|given|available|retrieved|supplied|current)? ?(?:context|documents?|passages?)@{0,1} "
        r"(?:does|do|did) not@{0,2} (?:provide|contain|include|offer|give|have)@{0,3} (?:information|answers?"
        r"|details)",
        r" (?:no|not enough|insufficient|not sufficient|lacks? the|too little) (?:information|context)@{0,6} to"
        r" (?:answer"
        r"|respond|provide an answer)",
        rf" (?:this|that|the|your|such an?|any) (?:question|query|request|prompt)@{{0,2}} (?:cannot|can't"
        rf"|can not|"
        rf"must not|should not|may not|could not|will not)@{{0,1}} be (?:answered|discussed|processed|{_GIVE})",
        r" (?:refuse|decline|do not attempt|never attempt|do not try|avoid|unable|impossible) (?:to answer"
        r"|answering)@{0,3} "
        r"(?:question|query|queries|questions|this|it)",
        r" (?:do not|don't|never) (?:answer|respond to|reply to) (?:this|the|that|any|such)@{0,2} (?:question"
        r"|query|request)s?",
        r" (?:answer|reply|respond|say|state|output)@{0,4} (?:i don't know|i do not know|i'm sorry|i am sorry|i"
        r" cannot|i can't)",
        r" (?:violates?|against|contrary to)@{0,2} (?:my|our|content|safety|usage|openai)@{0,1} (?:guidelines"
        r"|polic(?:y|ies))"
        r"(?= [^ ]+ (?:answer|respond|provide)|$)",
        r" (?:may|could|might|would) perpetuate or encourage harmful",
    )
