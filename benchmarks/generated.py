"""Targets made from corpus text alone: what models and thresholds are fitted on, so that shipped targets stay unseen.

`generated` gives a data set whose members, non-members and poisoned questions are the project's own. The shipped
targets are read for their ids only, the questions under test for their gold passages, which are avoided.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from benchmarks._falsehoods import Fact, false_texts, find_facts, prefix
from benchmarks._overlap import copies
from benchmarks.attacks import ATTACKS, Session, rng
from benchmarks.attacks._substitutes import STOP
from benchmarks.data import Dataset, MembershipTarget, Passage, PoisonTarget
from benchmarks.pseudo_labels import LABELS
from benchmarks.questions import about_fact, document_frequencies, interrogation, telling_words
from benchmarks.splits import split
from sentinel.text import words

BENIGN = ("benign", "benign-drilldown", "benign-hard")
"""Whose passages are not to be touched."""
HELD_OUT = 0.1
"""Share of the free passages that leave the corpus and become non-members; as many others become members."""
FEW = 300
"""Fewer free passages than this are too few to learn from: those that only questions of the fit part need join them."""
FEWEST_HELD_OUT = 30
"""Non-members even then, if that leaves half of the passages for other targets."""
MOST = 150
"""Members, non-members, and poisoned questions, of each at most."""
FEWEST_WORDS = 20
NATURAL, HOTFLIP = 5, 5


def generated(data: Dataset, seed: int) -> Dataset:
    """A copy of a data set with targets of its own.

    Free is a passage that serves no benign session of any kind and is no shipped membership target. A seeded tenth of
    the free passages is held out: these are the non-members, and they are gone from the copy's corpus (save those that
    another passage repeats). As many of the remaining free passages, drawn the same way, are the members. Poisoned
    questions are about free passages that are neither. Of a corpus whose passages nearly all answer something, those
    that serve the fit part alone are taken too, which is what that part is for. If there are none either there are no
    targets, and attacks then say that the data set brings none.

    Ask the copy for benign sessions by `benign_sessions`: they are those of the data set, and all that is calibrated
    or tested on finds its passages there.

    Args:
        data: Any data set; its `poison` is replaced and its `ready_made` left out, both unread.
        seed: Of every choice, and of the split.
    """
    free, spare = _free(data, seed)
    draw = rng(seed, "generated")
    draw.shuffle(free)
    if len(free) < FEW:
        draw.shuffle(spare)
        free += spare
    count = min(MOST, max(math.floor(len(free) * HELD_OUT), min(FEWEST_HELD_OUT, len(free) // 4)))
    held, rest = free[:count], free[count:]
    passages, outside = hold_out(data.passages, held)
    gone = {passage.id for passage in held}
    members = rest[: len(outside)]
    frequencies = document_frequencies(p.text for p in passages)
    return replace(
        data,
        name=f"{data.name}-generated-{seed}",
        passages=passages,
        queries=tuple(replace(q, gold=q.gold - gone) for q in data.queries if not q.gold or not q.gold <= gone),
        membership=membership_targets(members, outside, frequencies, len(passages), seed),
        poison=tuple(_poison(rest[len(members) :], frequencies, len(passages), seed)),
        ready_made=(),
    )


def hold_out(corpus: Sequence[Passage], held: Sequence[Passage]) -> tuple[tuple[Passage, ...], list[Passage]]:
    """Take passages out of a corpus.

    Returns:
        The others, and those of `held` that are really gone: a passage that another one repeats is no non-member.
    """
    gone = {passage.id for passage in held}
    left = tuple(p for p in corpus if p.id not in gone)
    repeated = copies([p.text for p in held], ((p.id, p.text) for p in left))
    return left, [p for i, p in enumerate(held) if i not in repeated]


def membership_targets(
    members: Sequence[Passage], outside: Sequence[Passage], frequencies: Counter[str], documents: int, seed: int
) -> tuple[MembershipTarget, ...]:
    """Passages as targets, by id, each with yes/no questions made of its text.

    Args:
        members: Those that stand in the corpus.
        outside: Those that do not.
        frequencies: In how many documents each word stands.
        documents: How many there are.
        seed: Of the questions.
    """
    targets = [
        MembershipTarget(
            p.id, member, p.text, p.title, interrogation(p.text, frequencies, documents, rng(seed, "asked", p.id))
        )
        for chosen, member in ((members, True), (outside, False))
        for p in chosen
    ]
    return tuple(sorted(targets, key=lambda target: target.id))


def benign_sessions(data: Dataset, made: Dataset, name: str, seed: int) -> list[Session]:
    """Benign sessions of a data set over its copy: all of them, without the questions whose passages left it.

    Args:
        data: The data set that `made` is a copy of.
        made: What `generated` gave.
        name: A kind of benign traffic.
        seed: Of the sessions.
    """
    sessions: list[Session] = []
    for session in ATTACKS.get(name)().sessions(data, seed):
        asks = tuple(ask for ask in session.asks if not ask.gold or not ask.gold.isdisjoint(made.by_id))
        if asks:
            sessions.append(session if asks == session.asks else replace(session, asks=asks))
    return sessions


def _free(data: Dataset, seed: int) -> tuple[list[Passage], list[Passage]]:
    """Passages that nothing else needs, and those that only benign sessions of the fit part do."""
    targets = {target.id for target in data.membership} | _falsified(data)
    needed: dict[bool, set[str]] = {True: set(), False: set()}
    # What search happens to find for questions without labels would leave nothing free, and nobody judges by it.
    for name in BENIGN if LABELS not in data.made else BENIGN[1:]:
        sessions = ATTACKS.get(name)().sessions(data, seed)
        parts = split(sessions, seed, name)
        for session in sessions:
            needed[parts[session.id] == "fit"].update(key for ask in session.asks for key in ask.gold)
    usable = [p for p in data.passages if p.id not in targets and len(p.text.split()) >= FEWEST_WORDS]
    later = [p for p in usable if p.id not in needed[False]]
    return [p for p in later if p.id not in needed[True]], [p for p in later if p.id in needed[True]]


def _falsified(data: Dataset) -> set[str]:
    """Passages that targets of `benchmarks.own_targets` speak of, where no question under test keeps them apart."""
    return {key for target in data.poison for key in target.gold}


def _poison(passages: Sequence[Passage], frequencies: Counter[str], documents: int, seed: int) -> list[PoisonTarget]:
    """A question on a fact of each passage, and texts that state another value of the same kind."""
    facts = {p.id: find_facts(p.text) for p in passages}
    pool: dict[str, list[str]] = {}
    for found in facts.values():
        for fact in found:
            pool.setdefault(fact.kind, []).append(fact.value)
    vocabulary = sorted(word for word in frequencies if len(word) > 2)
    targets: list[PoisonTarget] = []
    for passage in passages:
        if len(targets) == MOST:
            break
        draw = rng(seed, "falsehood", passage.id)
        target = _target(passage, facts[passage.id], pool, frequencies, documents, vocabulary, draw)
        if target is not None:
            targets.append(target)
    return targets


def _target(
    passage: Passage,
    facts: Sequence[Fact],
    pool: dict[str, list[str]],
    frequencies: Counter[str],
    documents: int,
    vocabulary: Sequence[str],
    draw: random.Random,
) -> PoisonTarget | None:
    for fact in draw.sample(facts, len(facts)):
        said = fact.value.lower().split()
        weighty = telling_words(fact.sentence, frequencies, documents)
        order = words(fact.sentence)
        telling = sorted([w for w in weighty if w not in (*said, *STOP)][:3], key=order.index)
        others = [value for value in pool[fact.kind] if value not in passage.text]
        if len(telling) < 3 or not others:
            continue
        false = draw.choice(others)
        question = about_fact(telling, fact.is_number, draw)
        natural = false_texts(passage.text, fact, false, telling, NATURAL, draw)
        if len(natural) < NATURAL:
            continue
        return PoisonTarget(
            f"generated-{passage.id}",
            question,
            natural=natural,
            hotflip=tuple(f"{prefix(question, vocabulary, draw)} {text}" for text in natural[:HOTFLIP]),
            correct=fact.value,
            incorrect=false,
            short_correct=fact.value,
            short_incorrect=false,
            gold=frozenset({passage.id}),
        )
    return None
