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
    """Yes/no questions: each sentence with an auxiliary verb near its start, turned round and cut to 14 words."""
    questions: list[str] = []
    for sentence in _SENTENCE.findall(" ".join(text.split())):
        match = _AUXILIARY.match(sentence.strip())
        if match:
            subject, verb, rest = match.groups()
            first, _, others = subject.strip().partition(" ")
            lowered = first if first[1:] != first[1:].lower() or first == "I" else first.lower()
            tail = " ".join(rest.strip(" .!?").split()[:14])
            questions.append(f"{verb.capitalize()} {lowered}{' ' + others if others else ''} {tail}?")
    return questions


def follow_ups(
    text: str, frequencies: Counter[str], documents: int, draw: random.Random
) -> Sequence[tuple[str, bool]]:
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
