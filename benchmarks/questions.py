"""Follow-up questions on a passage, made from its own text: drill-downs for corpora that ship none.

Rule-based and deliberately plain: yes/no questions by inverting a sentence's auxiliary verb, open questions about the
passage's most telling words. They are benign traffic, never material to fit on together with what is tested.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from sentinel.text import words

_SENTENCE = re.compile(r"[^.!?]{20,400}[.!?]")
_AUXILIARY = re.compile(
    r"^((?:\S+ ){1,8}?)(is|are|was|were|has|have|had|can|could|may|might|will|would|should|did|does|do) ([^,;:()]+)"
)
_OPEN = (
    "what is known about {a} and {b}?",
    "how does {a} relate to {b}?",
    "tell me more about {a} in the case of {b}",
    "what role does {a} play for {b}?",
    "why does {a} matter with regard to {b}?",
    "which findings concern {a}, {b} or {c}?",
    "can you explain {a} with {b} and {c}?",
)
_FIRST = ("what do we have on {a}, {b} and {c}?", "I am looking for something about {a} {b} {c}")

_CLOSED = (
    "Is {a} discussed together with {b}?",
    "Does the text link {a} to {b}?",
    "Was {a} considered with regard to {b}?",
    "Did {a} have anything to do with {b}?",
    "Is there a statement on {a} and {b}?",
    "Can {a} be connected with {b}?",
    "Are both {a} and {b} dealt with?",
    "Has {a} been described along with {b}?",
)
_CONFIRM = ("Is it true that {clause}?", "Is it right to say: {clause}?", "Can you confirm that {clause}?")
_CONFIRMED = 4
"""Questions that ask to confirm a clause as it stands: a few only, since an interrogator words most of them anew."""
_WRAPPED = re.compile(
    r"^(?:is it (?:true|right|correct|the case) that|did i understand correctly that|can you confirm that"
    r"|could you (?:check|tell me|find out) (?:whether|if)|am i right in thinking that|do you know (?:whether|if)"
    r"|would it be (?:correct|right) to say that) ",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"^(?:does|do|did) (?:the|this) (?:study|text|document|corpus|paper|article|passage|abstract|authors?) "
    r"(?:mention|report|suggest|discuss|propose|find|state|say|show|indicate|include|describe|conclude)s? (?:that )?",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^(?:[^,?]{3,80}, )?(is|are|was|were|has|have|had|can|could|may|might|will|would|should|did|does|do|must) (\S.*)$",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r" (?:(?:on|in|at|for|to|of|by|about|than|over|under|until|since|from|with|more|less|exactly|was|is|came) ){0,4}"
    r"[£$€]?\d[\w.,:%/+-]*(?: [\w%-]+){0,2}$"
)
_TOPIC = (
    "What is known about {rest}?",
    "What do the documents say on {rest}?",
    "Which details are there on {rest}?",
    "Tell me more about {rest}.",
    "What exactly is said of {rest}?",
    "Please describe how it is with {rest}.",
)
_HOW = (
    "How {verb} {rest}?",
    "In what way {verb} {rest}?",
    "Under which circumstances {verb} {rest}?",
    "Why {verb} {rest}?",
)
_WHAT = ("What, when or how much {verb} {rest}?", "As to amount or date, what {verb} {rest}?")
_NUMBER_ASKED = (
    "what figure is given for {a} and {b} with {c}?",
    "how much or how many is it for {a} when it comes to {b} and {c}?",
    "which number goes with {a}, {b} and {c}?",
    "when or how often: {a} and {b}, {c}?",
)
_NAME_ASKED = (
    "who or what is named for {a} and {b} with {c}?",
    "which name goes with {a}, {b} and {c}?",
    "who is it that stands behind {a} and {b}, as to {c}?",
    "what is the one called that matters for {a}, {b} and {c}?",
)


def document_frequencies(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each word stands."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words(text)))
    return counts


def telling_words(text: str, frequencies: Counter[str], documents: int, most: int = 12) -> list[str]:
    """The words of a text that say most about it, by tf-idf, in order of weight; numbers and short words left out."""
    counts = Counter(word for word in words(text) if len(word) > 3 and not any(c.isdigit() for c in word))
    weight = {w: n * math.log((1 + documents) / (1 + frequencies[w])) for w, n in counts.items()}
    return sorted(weight, key=lambda w: (-weight[w], w))[:most]


def yes_no(text: str) -> list[str]:
    """Yes/no questions: each sentence with an auxiliary verb near its start, turned round, its end cut to ten words."""
    questions: list[str] = []
    for sentence in _SENTENCE.findall(" ".join(text.split())):
        match = _AUXILIARY.match(sentence.strip())
        if match:
            subject, verb, rest = match.groups()
            first, _, others = subject.strip().partition(" ")
            lowered = first if first[1:] != first[1:].lower() or first == "I" else first.lower()
            tail = " ".join(rest.strip(" .!?").split()[:10])
            questions.append(f"{verb.capitalize()} {lowered}{' ' + others if others else ''} {tail}?")
    return questions


def follow_ups(text: str, frequencies: Counter[str], documents: int, draw: random.Random) -> Sequence[tuple[str, bool]]:
    """Five to eight questions on one text, about half of them yes/no, the first one open.

    Returns:
        Questions with whether each wants a yes or no; empty if the text yields fewer than five.
    """
    telling = telling_words(text, frequencies, documents)
    closed = yes_no(text)
    if len(telling) < 6:
        return ()
    size = draw.randint(5, 8)
    closed = draw.sample(closed, min(len(closed), size // 2))
    opened: list[str] = []
    while len(opened) < size - len(closed):
        a, b, c = draw.sample(telling[:9], 3)
        template = draw.choice(_FIRST if not opened else _OPEN)
        question = template.format(a=a, b=b, c=c)
        if question not in opened:
            opened.append(question)
    rest = [(q, False) for q in opened[1:]] + [(q, True) for q in closed]
    draw.shuffle(rest)
    return [(opened[0], False), *rest]


def interrogation(
    text: str, frequencies: Counter[str], documents: int, draw: random.Random, most: int = 15
) -> tuple[str, ...]:
    """Yes/no questions on one text, as an interrogation asks them: sentences turned round, clauses, telling words.

    Returns:
        Up to `most` different questions; fewer, or none, where the text gives no more.
    """
    found = list(dict.fromkeys(yes_no(text)))
    found = draw.sample(found, min(len(found), most))
    clauses = [" ".join(c.split()[:10]) for c in re.split(r"[.,;:!?()]+ ", " ".join(text.split())) if c.count(" ") > 4]
    for clause in draw.sample(clauses, min(len(clauses), _CONFIRMED, most - len(found))):
        found.append(draw.choice(_CONFIRM).format(clause=clause.rstrip(" .!?")))
    telling = telling_words(text, frequencies, documents)
    pairs = [(a, b) for i, a in enumerate(telling) for b in telling[i + 1 :]]
    for a, b in draw.sample(pairs, min(len(pairs), most - len(found))):
        found.append(draw.choice(_CLOSED).format(a=a, b=b))
    return tuple(found)


def opened(question: str, draw: random.Random) -> str:
    """A yes/no question asked openly: about its topic, without the value that it asks to confirm, or how and why."""
    asked = question.strip().rstrip("?. ")
    stem = _REPORTED.sub("", _WRAPPED.sub("", asked))
    match = _ASKED.match(asked) if stem == asked else None
    verb, rest = (match.group(1).lower(), match.group(2)) if match else ("", stem)
    topic = _VALUE.sub("", rest) or rest
    if verb in ("do", "does", "did"):  # their main verb stands in the base form, which no topic has
        templates: tuple[str, ...] = _HOW if topic == rest else _WHAT
    else:
        templates = _TOPIC if not verb or topic != rest else (*_TOPIC, *_HOW)
    return draw.choice(templates).format(verb=verb, rest=topic)


def about_fact(telling: Sequence[str], number: bool, draw: random.Random) -> str:
    """An open question that a number, or a name, answers; asked by three telling words of the statement."""
    a, b, c = telling[:3]
    return draw.choice(_NUMBER_ASKED if number else _NAME_ASKED).format(a=a, b=b, c=c)
