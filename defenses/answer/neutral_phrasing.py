"""One sentence for everything that is not answered, whatever the reason."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from defenses.answer._reading import ELISION
from defenses.base import NOT_FOUND, AnswerDefense, Checked, DefenseManifest, Draft, Resources
from sentinel.manifest import Cost, Stage
from sentinel.signals.membership_wording import LEXICON
from sentinel.text import words
from sentinel.vocabulary import Request, Threat

LONGEST = 600
"""Characters of a sentence that are looked at; a longer one is no stock phrase."""

_SENTENCE = re.compile(r"(?<![.!?。！？])[.!?。！？]++[\"'”’)\]*]*+(?=\s)|;(?=\s)|\n")
_GIVEN = r"(?:provided|given|available|retrieved|supplied|current|above|search|your|my)"
_SOURCE = (
    rf"(?:(?:{_GIVEN} )?(?:contexts?|documents?|passages?|excerpts?|snippets?|corpus|knowledge base|database)|{_GIVEN}"
    r"(?: [^ ]++)? (?:texts?|sources?|information|articles?|data|records?|results?|materials?|files?))"
)
"""What an answer calls that which it was given. A study's data and results are called so only with such a word."""
_NOTHING = r"(?:information|mention|answer|documents?|passages?|records?|contexts?|details?)"
_NOT = r"(?:not|cannot|can't|unable|no|never|nothing|doesn't|don't|didn't|isn't|aren't|couldn't)"
_SAY = (
    r"(?:mention|contain|provide|include|specify|state|say|discuss|address|have|give|describe|offer|cover|refer"
    r"|answer|indicate|appear)(?:s|d|ed)?|available|present|found|given|any|information|enough"
)
_CANNOT = (
    r"(?:cannot|can't|can not|could not|couldn't|not able to|unable to|not allowed to|not permitted to|may not|won't)"
)
_ACT = (
    r"(?:find|answer|provide|determine|locate|share|disclose|reveal|say|tell|help|assist|give|see|access|confirm"
    r"|respond|discuss|display|show|offer|identify|comply)"
)
_GAP = r"(?: [^ ]++){0,6}?"
_LEAD = r"(?: unfortunately| sorry| i'm sorry| based on(?: [^ ]++){1,5}| according to(?: [^ ]++){1,5})?"
_ABSENT = re.compile(
    "|".join(
        (
            rf" {_SOURCE}{_GAP} {_NOT}{_GAP} (?:{_SAY})(?= |$)",  # the context does not mention
            rf"^{_LEAD} there(?: is|'s| are| was| were) (?:no|not enough|not any|insufficient)(?: [^ ]++){{0,3}}"
            rf" {_NOTHING}(?= |$)",
            rf"(?:^| )(?:i|i'm|i am)(?: was| am| have been| currently)? (?:{_CANNOT}|did not|didn't|do not|don't)"
            rf"(?: [^ ]++){{0,2}} {_ACT}(?= |$)",  # I cannot find
            r"(?:^| )i(?: really| honestly| simply)? (?:do not|don't) (?:know|have(?: [^ ]++){0,5}"
            rf" (?:{_NOTHING}|access))(?= |$)",
            rf"(?: {_SOURCE}| (?:that|this|requested) {_NOTHING}){_GAP} (?:was|were|is|are|been|be) (?:withheld|hidden"
            r"|removed|filtered|blocked|restricted|confidential|redacted|unavailable|insufficient|missing)(?= |$)",
            rf"^{_LEAD} (?:no|insufficient|not enough)(?: relevant| specific| such| further| matching)? {_NOTHING}"
            r"(?= |$)",
            rf"^{_LEAD} none of(?: the| these| those| my)? {_SOURCE}(?= |$)",
            rf" {_NOT}(?: [^ ]++){{0,3}} (?:{_SAY})(?: [^ ]++){{0,2}} (?:in|from|by)(?: the| these| any| my)? {_SOURCE}"
            r"(?= |$)",
            r"^ (?:it is |that is |this is )?(?:not (?:mentioned|stated|specified|found|available|provided|given|known"
            r"|possible to (?:say|tell|determine|answer))|unknown|unanswerable)(?: (?:in|from)(?: [^ ]++){1,4})?$",
            r"(?:this|that|your|the) (?:question|query|request)(?: [^ ]++){0,2} (?:cannot|can't|can not|could not) be"
            r" (?:answered|fulfilled|processed)",
        )
    )
)
_PADDING = re.compile(
    r"^ (?:(?:please|if you|let me know|feel free|would you|could you|you (?:may|might|could|can) (?:want to )?"
    r"(?:try|check|consult|ask|provide|refer|look|share)|try|consult|sorry|i'm sorry|i am sorry|i apologi[sz]e"
    r"|my apologies|unfortunately|thank you|thanks|therefore i|so i|more (?:information|context|details)|additional"
    rf" (?:information|context))(?: |$)|(?:the|these|those|your|it|they|all|both)(?: [^ ]++){{0,4}}"
    rf" (?:{_SOURCE} )?(?:only|mainly|instead|primarily|mostly|rather|just)"
    r" (?:discuss|mention|focus|talk|cover|describe|deal|refer|contain|concern|provide|state)\w*(?: |$))"
)
_PRESENT = re.compile(
    rf" (?:{_SOURCE}|text|sentence|record|it|this|that|i|we){_GAP} (?:appears?|is|are|was|exists?|contains?"
    r"|contained|includes?|included|have|has|found|see|stands|matches|present|part of)"
    rf"{_GAP} (?:{_SOURCE}|verbatim|there|present)(?= |$)"
)
_BUT = re.compile(r" (?:but|however|although|though|nevertheless|still|yet|that said|only that|except)(?= )")


class NeutralPhrasing(AnswerDefense):
    """Says one fixed sentence in place of every "not found", "not mentioned", "withheld" and "cannot share".

    A reader who tells the one from the other learns whether a document exists. An answer is replaced where each of
    its sentences says that there is nothing to say, or is the courtesy around it; one that goes on with something
    ("... but the trial ended in 2003") stands untouched. An answer that is empty, or of which a guard left nothing
    but a cut, is replaced as well. A query that asks whether a text is in the data (RAG-MIA, arXiv 2405.20446) gets
    the sentence for every yes, no, or statement about the data. English phrases; others pass.
    """

    manifest = DefenseManifest(
        name="neutral_phrasing",
        summary="answer in one fixed sentence where there is no answer, so that not found and withheld read alike",
        stage=Stage.ANSWER,
        threats=frozenset({Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        guarantee="all answers that it recognises as none are the same to the character",
        source="ours, against arXiv 2405.20446",
    )

    sentence: str = Field(NOT_FOUND, min_length=1, max_length=500, description="what is said instead")
    probe: float = Field(0.7, gt=0.0, le=1.0, description="certainty from which a query is a membership question")

    @field_validator("sentence")
    @classmethod
    def _has_words(cls, sentence: str) -> str:
        if not words(sentence):
            raise ValueError("the sentence must have words")
        return sentence

    @property
    def look_back(self) -> int:
        """0: an answer is held back here until a sentence of substance is complete."""
        return 0

    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """Replace the answer where it is none."""
        text = draft.text
        if (LEXICON.score(request.query) or 0.0) >= self.probe:
            if not draft.final:
                return Checked("")
            if text.strip() != self.sentence and _about_membership(text):
                return Checked(self.sentence, ("answers a question about membership",))
            return Checked(text)
        absent = False
        for sentence in _sentences(text, draft.final):
            kind = _kind(sentence)
            if kind is None:
                return Checked(text)
            absent = absent or kind
        if not draft.final:
            return Checked("")
        if text.strip() == self.sentence or (words(text.replace(ELISION, "")) and not absent):
            return Checked(text)
        return Checked(self.sentence, ("gives no answer",))


def _sentences(text: str, final: bool) -> list[str]:
    """The sentences of a text; without the last one while it may still go on."""
    found: list[str] = []
    at = 0
    for stop in _SENTENCE.finditer(text):
        found.append(text[at : stop.end()])
        at = stop.end()
    if final or len(text) - at > LONGEST:
        found.append(text[at:])
    return found


def _kind(sentence: str) -> bool | None:
    """True for a sentence that gives no answer, False for courtesy or nothing, None for substance."""
    if len(sentence) > LONGEST:
        return None
    said = "".join(f" {word}" for word in words(sentence.replace(ELISION, "")))
    if not said:
        return False
    absent = _ABSENT.search(said)
    if absent is not None:
        return None if _BUT.search(said, absent.end()) else True
    return False if _PADDING.match(said) else None


def _about_membership(text: str) -> bool:
    said = "".join(f" {word}" for word in words(text))
    if not said or said.startswith((" yes", " no", " true", " false", " correct", " indeed")):
        return True
    return _ABSENT.search(said) is not None or _PRESENT.search(said) is not None
