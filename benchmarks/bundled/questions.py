"""Questions about documents, in the ways that people type them: the benign queries and the interrogation.

A question is made from a fact that stands in the document; its wording comes from the grammar and shares as
little as possible with the passage, because real users do not quote what they have not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .documents import Document, ngrams, words
from .grammar import Ask, fill
from .world import World

_WRAPPERS = (
    "Is it right that {claim}?",
    "Is it true that {claim}?",
    "Can you confirm that {claim}?",
    "Am I right in thinking that {claim}?",
    "Would it be correct to say that {claim}?",
    "Did I understand correctly that {claim}?",
    "Is it the case that {claim}?",
    "Could you check whether {claim}?",
)


@dataclass
class Question:
    """A question with its answer; ``short`` is the fact itself, or yes/no."""

    text: str
    ask: Ask
    answer: str
    short: str
    yes_no: bool = False


def spec_of(document: Document, slot: str) -> str:
    """Say how a slot's values are drawn; an entity of its own may be any of its pool."""
    spec = dict(document.kind.slots)[slot]
    word, *args = spec.split(" ")
    return f"@{args[0]} any" if word in ("@new", "@match") else spec


def wrong_value(document: Document, ask: Ask, world: World, rng: Random) -> str | None:
    """Draw a wrong answer of the right type for a fact of a document, or None where there is none."""
    return world.other(spec_of(document, ask.slot), document.values[ask.slot], document.values, rng)


def claim(document: Document, ask: Ask, value: str, rng: Random, number: int | None = None) -> str:
    """State a fact (or a false value of it) as a clause that can follow "that".

    Args:
        document: the document.
        ask: the fact.
        value: the value to state.
        rng: the source of choices.
        number: which wording; a random one where None.

    Returns:
        The clause, beginning as it would in mid-sentence.
    """
    template = rng.choice(ask.claims) if number is None else ask.claims[number % len(ask.claims)]
    text = fill("\0" + template, document.values | {"v": value}, rng)
    return text[1:]


def sentence(clause: str) -> str:
    """Make a sentence of a clause."""
    return clause[:1].upper() + clause[1:] + "."


def open_question(document: Document, ask: Ask, rng: Random) -> Question:
    """Ask for a fact, in the least quoting of two wordings.

    Args:
        document: the gold document.
        ask: the fact.
        rng: the source of choices.

    Returns:
        The question with its answer.
    """
    options = [fill(template, document.values, rng) for template in ask.opens]
    rng.shuffle(options)
    text = min(options[:2], key=lambda option: overlap(option, document.text))
    if not text.endswith("?"):
        text = text.lower()
    elif rng.random() < 0.18:
        text = text.lower().rstrip("?")
    value = document.values[ask.slot]
    return Question(text, ask, sentence(claim(document, ask, value, rng)), value)


def yes_no_question(
    document: Document, ask: Ask, world: World, rng: Random, wrapped: bool = False, truth: bool | None = None
) -> Question | None:
    """Ask whether a fact is so.

    Args:
        document: the document.
        ask: the fact.
        world: where wrong values come from.
        rng: the source of choices.
        wrapped: use "is it right that" and a statement in place of the fact's own yes/no wording.
        truth: whether the answer is yes; random where None.

    Returns:
        The question, or None where a wrong value was wanted and there is none.
    """
    yes = rng.random() < 0.5 if truth is None else truth
    right = document.values[ask.slot]
    value = right if yes else wrong_value(document, ask, world, rng)
    if value is None:
        return None
    if wrapped:
        text = rng.choice(_WRAPPERS).format(claim=claim(document, ask, value, rng))
    else:
        text = fill(rng.choice(ask.yes_no), document.values | {"v": value}, rng)
    fact = claim(document, ask, right, rng)
    answer = f"Yes, {fact}." if yes else f"No, {fact}."
    return Question(text, ask, answer, "yes" if yes else "no", yes_no=True)


def overlap(question: str, text: str) -> float:
    """Say which share of a question's word 3-grams stands in a text."""
    grams = ngrams(question, 3)
    return len(grams & ngrams(text, 3)) / len(grams) if grams else 1.0


def golds(document: Document, ask: Ask, corpus: list[Document]) -> list[Document]:
    """List the documents that answer a question about a fact of a document.

    Args:
        document: the document that the question was made from.
        ask: the fact.
        corpus: all documents.

    Returns:
        The document, and every reference passage or sibling that names both the subject and the fact.
    """
    value, subject = document.values[ask.slot], document.subject
    return [
        other
        for other in corpus
        if other is document or (other.id[:3] == "ref" and subject in other.text and value in other.text)
    ]


def queries(
    documents: list[Document], corpus: list[Document], count: int, world: World, rng: Random
) -> list[tuple[Document, Question]]:
    """Ask one question each about some documents; 3 in 20 are yes/no.

    Args:
        documents: the group's documents that stand in the corpus.
        corpus: all documents, for leaving out questions that more than two of them answer.
        count: how many questions.
        world: where wrong values come from.
        rng: the source of choices.

    Returns:
        Gold documents and questions.
    """
    found: list[tuple[Document, Question]] = []
    seen: set[str] = set()
    for document in rng.sample(documents, len(documents)):
        asks = document.asks()
        if not asks or document.subject in seen:
            continue
        ask = rng.choice(asks)
        want_yes_no = len(found) % 20 in (3, 9, 16)
        question = yes_no_question(document, ask, world, rng) if want_yes_no else open_question(document, ask, rng)
        if question is None or not 6 <= len(words(question.text)) <= 25:
            continue
        if overlap(question.text, document.text) > 0.45 or len(golds(document, ask, corpus)) > 2:
            continue
        seen.add(document.subject)
        found.append((document, question))
        if len(found) == count:
            break
    return found


def interrogation(document: Document, count: int, world: World, rng: Random) -> list[Question]:
    """Write the yes/no questions of a membership attacker who has the document before him.

    Args:
        document: the target.
        count: how many questions.
        world: where wrong values come from.
        rng: the source of choices.

    Returns:
        Distinct questions; each fact's own wording first, then statements to confirm.
    """
    found: dict[str, Question] = {}
    asks = document.asks()
    rng.shuffle(asks)
    turn = 0
    while len(found) < count and turn < 40 * count:
        ask, round_ = asks[turn % len(asks)], turn // len(asks)
        question = yes_no_question(document, ask, world, rng, wrapped=round_ > 0 and rng.random() < 0.8)
        if question is not None:
            found.setdefault(question.text, question)
        turn += 1
    chosen = list(found.values())
    rng.shuffle(chosen)
    return chosen
