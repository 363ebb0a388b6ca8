"""Targets of attacks for data sets that bring none: whoever has a corpus and its questions sees what attackers get.

Documents that an attacker may hold, half of them taken out of the corpus, and false claims on the data set's own
questions. Calibration, which makes attacks too (`benchmarks.generated`), meets neither: its targets are other passages,
and its false texts are told in other voices.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from langchain_core.embeddings import Embeddings

from benchmarks._falsehoods import find_facts, prefix
from benchmarks._told import Claim, in_voices, on_answer, on_question
from benchmarks.attacks import rng
from benchmarks.attacks._substitutes import STOP
from benchmarks.data import Dataset, Passage, PoisonTarget, Query, load
from benchmarks.generated import FEWEST_WORDS, hold_out, membership_targets
from benchmarks.pseudo_labels import LABELS, labelled
from benchmarks.questions import about_fact, document_frequencies, telling_words
from sentinel.text import words

MEMBERSHIP, POISON = "membership", "poison"
MOST = 100
"""Members, non-members, and poisoned questions, of each at most."""
FEWEST = 10
"""Fewer of them tell nothing, and are not made."""
FEW = 50
"""If fewer members can be had of passages that no question needs, they are drawn of all passages."""
SHARE = 0.1
"""Of the passages that may be drawn, how many become members, and how many leave the corpus."""
LONGEST_ANSWER = 6
"""Words of an answer that may be exchanged for another."""
_CLOSED = frozenset("yes no maybe true false".split())
"""Answers that stand in no sentence as its statement."""
TEXTS = 5


def attacked_data(
    path: str,
    model: Embeddings,
    seed: int,
    k: int,
    *,
    answered: bool = False,
    report: Callable[[str, int, int], None] = lambda *_: None,
) -> Dataset:
    """Read a data set and give it whatever it lacks to be attacked: targets, and labels where it has none.

    Args:
        path: `bundled`, or a folder with at least a corpus and questions.
        model: Embeds passages and questions where labels are lacking.
        seed: Of every choice.
        k: Documents served.
        answered: See `attackable`.
        report: Told of progress.

    Raises:
        DataError: See `benchmarks.data.load`.
    """
    return attackable(load(path), seed, lambda left: labelled(left, model, k, report), answered=answered)


def attackable(
    data: Dataset, seed: int, label: Callable[[Dataset], Dataset] = lambda data: data, *, answered: bool = False
) -> Dataset:
    """A data set with the targets that it lacks; itself if it lacks none.

    Args:
        data: Any data set.
        seed: Of every choice.
        label: Given the data set without the non-members, gives one whose questions have gold passages.
        answered: Poison only questions whose answer is known: where a generator answers, a false claim counts only if
            it answers the question. Without such questions, questions on the facts that are falsified are asked.

    Returns:
        A copy whose `made` names what was added. What could not be made for want of passages is still missing.
    """
    if not data.membership:
        data = _with_membership(data, seed)
    data = label(data)
    if not data.poison:
        data = _with_poison(data, seed, answered=answered)
    return data


def counted(data: Dataset) -> dict[str, int]:
    """How many targets of each kind that its files do not bring a data set was given; 0 where none could be made."""
    kinds = (MEMBERSHIP, POISON)
    found = {kind: len(getattr(data, kind)) for kind in kinds if kind in data.made or not getattr(data, kind)}
    return found | ({LABELS: len(data.queries)} if LABELS in data.made else {})


def told(made: Mapping[str, int]) -> str:
    """What a reader of the figures must know of targets that were made, in a few sentences; see `counted`."""
    *files, last = ["no qrels" if kind == LABELS else f"no {kind}.jsonl" for kind in made]
    said = f"the data set brings {' and '.join(filter(None, (', '.join(files), last)))}."
    parts = []
    if number := made.get(MEMBERSHIP):
        parts.append(f"{number:,} documents, half of them taken out of the corpus")
    if number := made.get(POISON):
        parts.append(f"false claims on {number:,} questions")
    if parts:
        said += (
            f" Made of its text by rule: {'; '.join(parts)}. What --calibration auto fits on are other passages in "
            "other words. Whoever writes with more care may get further."
        )
    if LABELS in made:
        said += " Recall is of what undefended search finds, whether it answers the question or not."
    if missing := [kind for kind, number in made.items() if not number]:
        said += f" It is too small to make {' and '.join(missing)} targets of: those attacks were not measured."
    return said


def _with_membership(data: Dataset, seed: int) -> Dataset:
    """Members and non-members, drawn alike: of passages that no question needs, else of all.

    A question whose only passages leave the corpus is asked no more.
    """
    asked_about = {d.doc_id for d in data.drilldowns} | {h.doc_id for h in data.hard}
    usable = [p for p in data.passages if len(p.text.split()) >= FEWEST_WORDS and p.id not in asked_about]
    needed = {key for query in data.queries for key in query.gold}
    free = [p for p in usable if p.id not in needed]
    pool = free if SHARE * len(free) >= FEW else usable
    draw = rng(seed, "own membership targets")
    draw.shuffle(pool)
    count = min(MOST, int(SHARE * len(pool)))
    passages, outside = hold_out(data.passages, pool[:count])
    members = pool[count : count + len(outside)]
    if min(len(outside), len(members)) < FEWEST:
        return data
    gone = {p.id for p in pool[:count]}
    frequencies = document_frequencies(p.text for p in passages)
    own = rng(seed, "own questions").getrandbits(32)
    return replace(
        data,
        passages=passages,
        queries=tuple(replace(q, gold=q.gold - gone) for q in data.queries if not q.gold or not q.gold <= gone),
        membership=membership_targets(members, outside, frequencies, len(passages), own),
        made=(*data.made, MEMBERSHIP),
    )


@dataclass(frozen=True)
class _Words:
    """What is known of a corpus's words.

    Attributes:
        frequencies: In how many documents each stands.
        documents: How many there are.
        vocabulary: Those that token noise is made of.
    """

    frequencies: Counter[str]
    documents: int
    vocabulary: list[str]

    @classmethod
    def of(cls, data: Dataset) -> _Words:
        """Read a corpus."""
        frequencies = document_frequencies(p.text for p in data.passages)
        return cls(frequencies, len(data.passages), sorted(word for word in frequencies if len(word) > 2))

    def telling(self, text: str) -> list[str]:
        """Words that say what a text is about, the weightiest first; words of the corpus only."""
        found = telling_words(text, self.frequencies, self.documents)
        return [word for word in found if word not in STOP and self.frequencies[word]]


def _with_poison(data: Dataset, seed: int, *, answered: bool) -> Dataset:
    """False claims on the data set's questions, or on facts where it is answers that are wanted and none is known."""
    known = _Words.of(data)
    targets = tuple(islice(_on_questions(data, known, seed, answered=answered), MOST))
    if len(targets) < FEWEST:
        targets = tuple(islice(_on_facts(data, known, seed), MOST))
    if len(targets) < FEWEST:
        return data
    return replace(data, poison=targets, made=(*data.made, POISON))


def _on_questions(data: Dataset, known: _Words, seed: int, *, answered: bool) -> Iterator[PoisonTarget]:
    questions = [q for q in data.queries if q.gold]
    answers = sorted({answer for q in questions if (answer := _answer(q))})
    pool = _pool([data.by_id[key] for key in sorted({key for q in questions for key in q.gold} & data.by_id.keys())])
    draw = rng(seed, "own poison targets")
    for query in draw.sample(questions, len(questions)):
        own = rng(seed, "own claim", query.id)
        gold = [data.by_id[key] for key in sorted(query.gold & data.by_id.keys())]
        answer = _answer(query)
        for passage in gold:
            claim = on_answer(passage.text, answer, answers, own) if answer else None
            if claim is None and not answered:
                claim = on_question(query.text, passage.text, pool, own)
            if claim is not None:
                target = _target(query.id, query.text, passage, claim, known, own)
                if target is not None:
                    yield target
                    break


def _on_facts(data: Dataset, known: _Words, seed: int) -> Iterator[PoisonTarget]:
    """Questions on facts of passages, the true value and a false one: with them everybody knows what is right."""
    used = {target.id for target in data.membership} | {key for query in data.queries for key in query.gold}
    free = [p for p in data.passages if p.id not in used]
    pool = _pool(free)
    draw = rng(seed, "own facts")
    for passage in draw.sample(free, len(free)):
        own = rng(seed, "own claim", passage.id)
        for fact in find_facts(passage.text):
            asking = [word for word in known.telling(fact.sentence) if word not in fact.value.lower()][:3]
            if len(asking) < 3:
                continue
            question = about_fact(asking, fact.is_number, own)
            claim = on_question(f"{question} {fact.sentence}", passage.text, pool, own)
            if claim is None or claim.true != fact.value:
                continue
            target = _target(f"own-{passage.id}", question, passage, claim, known, own)
            if target is not None:
                yield target
                break


def _target(
    key: str, question: str, passage: Passage, claim: Claim, known: _Words, draw: random.Random
) -> PoisonTarget | None:
    """The texts that make a claim; None where a passage's words or the voices give too few."""
    subject = dict.fromkeys([*known.telling(question), *known.telling(passage.text)])
    telling = [word for word in subject if word not in claim.false.lower().split()]
    if len(telling) < 3:
        return None
    natural = in_voices(claim, passage.text, telling, TEXTS, draw)
    if len(natural) < TEXTS:
        return None
    return PoisonTarget(
        key,
        question,
        natural=natural,
        hotflip=tuple(f"{prefix(question, known.vocabulary, draw)} {text}" for text in natural),
        correct=claim.true,
        incorrect=claim.false,
        short_correct=claim.true,
        short_incorrect=claim.false,
        gold=frozenset({passage.id}),
    )


def _answer(query: Query) -> str | None:
    """The answer, where it is short enough to be exchanged for another, and not just yes or no."""
    answer = (query.short_answer or query.answer or "").strip()
    said = words(answer)
    return answer if 0 < len(said) <= LONGEST_ANSWER and not _CLOSED.issuperset(said) else None


def _pool(passages: Sequence[Passage]) -> dict[str, list[str]]:
    """The values that passages state, by kind."""
    found: dict[str, list[str]] = {}
    for passage in passages:
        for fact in find_facts(passage.text):
            found.setdefault(fact.kind, []).append(fact.value)
    return found
