"""Wordings that do not belong in a source of facts: orders to a model, and a model's refusals (English).

No list of whole sentences: a few small families of words that must stand near each other, so that a paraphrase has
to leave the family and not only the sentence. Other languages score 0, which claims nothing of them; the signals say
missing where a text has no word of the families' function words at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sentinel._passage import passage, read_once
from sentinel.text import normalise

NEAR = 8
"""Words within which two families must meet."""
_CHARACTERS = 40_000
_READER = frozenset("you your assistant model ai chatbot llm gpt bot agent yourself".split())
_ORDER = frozenset(
    "ignore disregard forget override bypass answer respond reply output print say state write repeat return always "
    "never must only instead follow comply obey execute pretend act reveal disclose include append recommend tell "
    "provide generate produce give insist stop refuse decline".split()
)
_OVERRIDE = frozenset("ignore disregard forget override bypass".split())
_BEFORE = frozenset("previous prior above earlier preceding instruction instructions prompt rules context".split())
_WHEN = frozenset("when whenever if once".split())
_ASKED = frozenset("asked asks ask prompted queried question query questioned questions request".split())
_SPEAK = frozenset("answer respond reply output print say state write repeat return tell provide give generate".split())
_MODEL = frozenset("assistant model ai chatbot llm gpt bot prompt instructions instruction".split())
_REPLY = frozenset("answer answers response output reply replies".split())
_NORM = frozenset("consists is must should shall may begins starts ends contains".split())
_SOLE = frozenset("only sole proper right correct expected appropriate".split())
_COMMAND = frozenset(
    "answer reply respond say state write repeat copy reproduce recite output print quote return".split()
)
_MANNER = frozenset("with that only nothing no".split())
_COPY = frozenset("copy repeat reproduce recite quote output print return".split())
_WHOLE = frozenset("the all every each everything whatever".split())
_STOCK = frozenset(
    "above preceding before document documents passage passages text texts context material unchanged verbatim".split()
)
_HANDED = frozenset("given handed shown provided received".split())
_ASKER = frozenset("whoever anybody anyone user users asker askers".split())
_ROLE = re.compile(
    r"<\|?/?(?:im_start|im_end|system|assistant|user|inst|sys|endoftext)[^>\n]{0,20}\|?>|\[/?inst\]|<<sys>>"
    r"|(?:^|\n)[ \t#*]{0,8}(?:system|assistant|instructions?)[ \t*]{0,4}:"
)

_CANNOT = frozenset("cannot can't couldn't unable won't not don't doesn't insufficient no never refuse decline".split())
_SPEECH = frozenset("answer answering respond provide provided assist help discuss comply say know determine".split())
_SPEAKER = frozenset("i i'm we i'd my apologize apologise sorry assistant".split())
_SHORTAGE = frozenset("insufficient inadequate lacks lack missing not no doesn't without unavailable".split())
_INFORMATION = frozenset("context information passage passages document documents evidence data sources".split())
_ENOUGH = frozenset("enough sufficient insufficient adequate inadequate available contain provide provided".split())
_HARM = frozenset("harmful unsafe illegal unethical dangerous offensive misleading inappropriate policy".split())
_ALLOW = frozenset("perpetuate encourage promote facilitate violates violate against false guidelines policy".split())


def _meet(words: tuple[str, ...], present: frozenset[str], *families: frozenset[str]) -> bool:
    """Whether one word of each family stands within `NEAR` words of the others. Linear in the text."""
    if any(family.isdisjoint(present) for family in families):
        return False
    last = [-10 * NEAR - i for i in range(len(families))]
    held = present.intersection(frozenset().union(*families))
    for at, word in [(at, word) for at, word in enumerate(words) if word in held]:
        for which, family in enumerate(families):
            if word in family:
                last[which] = at
        if at - min(last) <= NEAR and len(set(last)) == len(last):
            return True
    return False


def dictates(words: tuple[str, ...], starts: Sequence[int] = (0,)) -> bool:
    """Whether a text says what somebody is to reply.

    A command of speech that opens a sentence and says with what ("answer with", "repeat all the text above"), a norm
    for one's answer ("your reply consists of", "the only reply", "into your answer"), what an asker is to be told, and
    an order to give back what "you were given".

    Args:
        words: Normalised words.
        starts: At which of them a sentence begins.
    """
    present = frozenset(words)
    for start in starts if present & _COMMAND else ():
        if words[start] in _COMMAND and _says_how(words[start : start + 12]):
            return True
    for at in range(1, len(words) if present & _REPLY else 0):
        if words[at] in _REPLY and _normed(words[max(0, at - 2) : at], words[at], words[at + 1 : at + 2]):
            return True
    for at in range(len(words) if "told" in present else 0):
        before = words[max(0, at - 12) : at]
        if words[at] == "told" and {"to", "be"} <= {*before[-3:]} and _ASKER.intersection(before):
            return True
    return "you" in present and _meet(words, present, _COPY | {"write"}, _STOCK, _HANDED)


def _says_how(sentence: tuple[str, ...]) -> bool:
    order, after, rest = sentence[0], sentence[1:2], sentence[2:]
    return bool(
        (rest and _MANNER.intersection(after))
        or (order in _COPY and _WHOLE.intersection(after) and _STOCK.intersection(rest))
    )


def _normed(before: tuple[str, ...], reply: str, after: tuple[str, ...]) -> bool:
    if before[-1:] == ("your",):
        return bool(_NORM.intersection(after)) or before[0] in ("in", "into", "as")
    return reply in ("reply", "replies") and bool(_SOLE.intersection(before) or after == ("that",))


def _plays_role(normal: str) -> bool:
    """Whether a text has the tags of a chat's format, or a line that speaks in a role of it."""
    line = ":" in normal and ("system" in normal or "assistant" in normal or "instruction" in normal)
    # Looked for only where it can be: the search takes longer than anything else here.
    return (line or "<" in normal or "inst]" in normal) and _ROLE.search(normal) is not None


@read_once
def instruction(text: str) -> float:
    """How far a text gives a model orders, in [0, 1]: the most telling of its wordings."""
    read = passage(text)
    words = read.words
    present = frozenset(words)
    if _plays_role(normalise(text[:_CHARACTERS])):
        return 1.0
    dictated = dictates(words, read.bounds[:-1])
    if not dictated and not present & _ORDER:
        return 0.0
    score = 0.0
    if _meet(words, present, _OVERRIDE, _BEFORE):
        score = 1.0
    elif _meet(words, present, _WHEN, _ASKED, _SPEAK):
        score = 0.9
    elif _meet(words, present, _MODEL, _ORDER, frozenset({"must", "should", "always", "never", "only", "please"})):
        score = 0.7
    elif dictated:
        score = 0.6
    elif _meet(words, present, _READER, _ORDER, frozenset({"must", "always", "never", "instead", "only"})):
        score = 0.5
    elif _meet(words, present, frozenset({"please", "always"}), _SPEAK):
        score = 0.4
    if score and _meet(words, present, _READER, _SPEAK):
        score = min(1.0, score + 0.1)
    return score


@read_once
def refusal(text: str) -> float:
    """How far a text speaks as a model that declines, in [0, 1]: the most telling of its wordings."""
    words = passage(text).words
    present = frozenset(words)
    if not present & (_CANNOT | _SHORTAGE):
        return 0.0
    score = 0.0
    if _meet(words, present, _SPEAKER, _CANNOT, _SPEECH):
        score = 0.8
        if present & (_HARM | _INFORMATION):
            score = 1.0
    elif _meet(words, present, _SHORTAGE, _INFORMATION, _ENOUGH) and _meet(
        words, present, _CANNOT | _SHORTAGE, _SPEECH
    ):
        score = 0.8
    elif _meet(words, present, _CANNOT, _SPEECH, _HARM) or _meet(words, present, _CANNOT, _ALLOW, _HARM):
        score = 0.7
    elif _meet(words, present, _CANNOT, frozenset({"question", "request", "query", "prompt"}), _SPEECH | {"answered"}):
        score = 0.6
    return score


_ASK = frozenset(
    "who what when where which why how whose whom is are was were do does did can could has have had will would "
    "should name".split()
)


@read_once
def question_first(text: str) -> float:
    """1.0 if a text opens with a question and goes on with a statement: PoisonedRAG's S + I (arXiv 2402.07867).

    A question is a sentence of 4 to 40 words that starts like one and either ends with a question mark or (typed
    without, as people search) has no punctuation inside. Any other sentence with a question mark (a quotation, another
    language) counts 0.5.
    """
    read = passage(text)
    sentences = read.sentences
    if len(sentences) < 2 or not any(end - start >= 4 for start, end in sentences[1:]):
        return 0.0
    start, end = sentences[0]
    if not 4 <= end - start <= 40 or all(read.asks):
        return 0.0
    if read.words[0] in _ASK:
        return float(read.asks[0] or not bool(read.broken[1:end].any()))
    return 0.5 if read.asks[0] else 0.0
