"""Generators that behave like readers, and the question and documents that they are asked about."""

import re
from collections import Counter

import numpy as np

from defenses import Asked, Prompt
from sentinel import DataError

QUESTION = "What is the capital of the island?"
UNKNOWN = "I don't know."


def asked(documents, question=QUESTION):
    """What `DefendedRAG` hands to a defense, with a template of one line for each document."""

    def write(texts):
        user, spans = "Answer from the texts.\n", []
        for text in texts:
            spans.append((len(user), len(user) + len(text)))
            user += f"{text}\n"
        return Prompt(f"{user}Question: {question}", "Be brief.", tuple(spans))

    return Asked(question, tuple(documents), write(documents), write)


def says(*answers):
    """Documents that state an answer each; None for one that states none."""
    return [f"Passage {i}: " + (f"the answer is {a}." if a else "of other things.") for i, a in enumerate(answers)]


def read(prompt):
    """The documents of a prompt."""
    return [prompt.user[start:end] for start, end in prompt.documents]


class Reader:
    """Answers with what most documents state after "answer is", or the words it is told that others agreed on.

    Args:
        knows: What it answers without documents.
        replies: A part of a prompt to the answer to every prompt that holds it.
        window: Characters beyond which a prompt is refused.
    """

    name = "reader"

    def __init__(self, knows=UNKNOWN, replies=None, window=None):
        self.knows, self.replies, self.window = knows, replies or {}, window
        self.batches = []

    @property
    def prompts(self):
        return [prompt for batch in self.batches for prompt in batch]

    def generate(self, prompts, *, max_tokens=None):
        self.batches.append(list(prompts))
        if self.window and any(len(prompt.user) > self.window for prompt in prompts):
            raise DataError("a prompt is longer than the window")
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt):
        for part, reply in self.replies.items():
            if part in prompt.user or part in prompt.system:
                return reply
        documents = read(prompt)
        for text in documents:
            if hint := re.search(r"agreed on(?: these words)?: (.*)\.$", text):
                return hint.group(1)
        found = Counter(a for text in documents for a in re.findall(r"answer is ([\w' ]+)", text)[:1])
        if not found:
            return self.knows if not documents else UNKNOWN
        return min(found, key=lambda answer: (-found[answer], answer))


class WordByWord(Reader):
    """A reader whose probabilities can be read: nearly sure of the next word of what it would answer."""

    vocabulary = (" paris", " london", " town", " rome", " i", " don't", " know", "</s>")

    def generate_isolated(self, prompts, *, max_tokens=None):
        return self.generate(prompts)

    def document_attention(self, prompts, *, max_tokens=None):
        raise NotImplementedError

    def next_token_probabilities(self, prompts, answers):
        self.batches.append(list(prompts))
        found = np.full((len(prompts), len(self.vocabulary)), 0.1 / (len(self.vocabulary) - 1), np.float32)
        for row, (prompt, so_far) in enumerate(zip(prompts, answers, strict=True)):
            words = self.answer(prompt).lower().strip(".").split()
            at = len(so_far.split())
            token = f" {words[at]}" if words[:at] == so_far.split() and at < len(words) else "</s>"
            found[row, self.vocabulary.index(token)] = 0.9
        return found, list(self.vocabulary)
