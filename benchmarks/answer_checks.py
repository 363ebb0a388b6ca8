"""Answer defenses measured without a model: what they change of benign answers, and what they take of the others.

Questions are retrieved as ever; what a generator might answer is made of the data set, of the served documents and of
the seed. Each answer is checked whole, and the first ones of each kind also as they leave `DefendedRAG` in a stream.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings

from benchmarks.alone import planned
from benchmarks.answer_checks_chain import CHUNKS, Chain, Handed, whole
from benchmarks.answer_checks_left import Left, left_of
from benchmarks.answer_checks_made import (
    CONTINUED,
    FORMS,
    Asked,
    Form,
    Made,
    benign,
    continuation,
    repeated,
    right_answers,
)
from benchmarks.answer_checks_marked import Marked, Wanted, canaries, marked
from benchmarks.asking import PATIENT
from benchmarks.attacks import rng
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.readings import K, Report
from benchmarks.statistics import Estimate, rate, ratio
from benchmarks.world import KnownEmbeddings, build_world
from defenses import DEFENSES, AnswerDefense, GenerationDefense, Resources, SeededRandomSource, build
from defenses.answer.leak_guard import LeakGuard
from sentinel.manifest import Need, Stage
from strategist import DefendedRetriever
from strategist.embeddings import fingerprint

STREAMED = 20
"""Questions whose answers are streamed as well; a stream is checked dozens of times."""
COUNTED = 5
"""Questions for which a generation defense's prompts are counted."""
LEAKS = ("leak_guard", "leak_guard quote_words=60", "leak_guard quote_words=25")
"""The guard of quotations at limits between a dump and a sentence; the first is the default."""


class Rest(NamedTuple):
    """What is left of documents that were repeated, over all questions.

    Attributes:
        left: Share of the documents' words that can be read back.
        beyond: Share of them that can be read back beyond the limits of quotation.
        answers: Share of answers with anything beyond.
    """

    left: Estimate
    beyond: Estimate
    answers: Estimate


class Row(NamedTuple):
    """One kind of marked answer under one defense: the share that was caught, or changed where it was to stand."""

    guard: str
    kind: str
    wanted: Wanted
    whole: Estimate
    streamed: dict[str, Estimate]


@dataclass
class Checks:
    """All figures of the page's second part.

    Attributes:
        questions: How many were asked.
        milliseconds: Of one benign answer, by defense.
        dumped: Milliseconds of all documents word for word, under the default guard of quotations.
        benign: Share of benign answers that are changed, by defense and kind.
        bare: Share of the documents' words that can be read back without any guard, by form.
        rest: What is left, by form and guard of quotations.
        streamed: What is left of streamed answers under the default guard, by form and way of streaming.
        rows: Marked answers.
        differing: Share of streamed answers that are not what the whole check gives, by way of streaming.
        prompts: Prompts that a generation defense gives the generator, least and most; None where it needs a model.
        times: What a real generator took, as `perf_answers.measure` gives it; None where nobody measured.
    """

    questions: int = 0
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    dumped: list[float] = field(default_factory=list)
    benign: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    bare: dict[str, Estimate] = field(default_factory=dict)
    rest: dict[str, dict[str, Rest]] = field(default_factory=dict)
    streamed: dict[str, dict[str, Rest]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    differing: dict[str, Estimate] = field(default_factory=dict)
    prompts: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    times: dict[str, Any] | None = None


def check_answers(
    data: Dataset,
    model: Embeddings,
    limit: int | None = None,
    seed: int = 0,
    report: Report = lambda *_: None,
    guards: Sequence[str] | None = None,
) -> Checks:
    """Measure answer defenses on answers that are made, not generated.

    Args:
        data: The data set.
        model: Embeds passages and queries.
        limit: At most this many questions; None for all.
        seed: Of questions, answers, canaries and pieces.
        report: Told of progress.
        guards: Defenses as `benchmarks.alone.planned` reads them; None for every answer defense that needs no model,
            and `LEAKS`.

    Returns:
        The figures. Everything but milliseconds is the same for the same arguments.
    """
    retriever, asked = _retrieved(data, model, limit, seed, report)
    return _Measuring(data, retriever, asked, seed, report, guards or subjects()).measured()


def subjects() -> list[str]:
    """Every answer defense that needs no model, and other limits of `leak_guard`."""
    found: list[str] = []
    for name in DEFENSES.names():
        manifest = DEFENSES.get(name).manifest
        if manifest.stage is Stage.ANSWER and not manifest.needs & {Need.MODEL, Need.GENERATOR}:
            found += LEAKS if name in LEAKS else (name,)
    return found


def _retrieved(
    data: Dataset, model: Embeddings, limit: int | None, seed: int, report: Report
) -> tuple[DefendedRetriever, list[Asked]]:
    queries = list(data.queries)
    if limit is not None and limit < len(queries):
        chosen = set(rng(seed, "limit", "answers").sample(range(len(queries)), limit))
        queries = [query for at, query in enumerate(queries) if at in chosen]
    known = KnownEmbeddings(
        model,
        [passage.text for passage in data.passages],
        [query.text for query in queries],
        frozen_vectors(data, fingerprint(model)),
        lambda done, total: report("embedding", done, total),
    )
    retriever = DefendedRetriever.wrap(
        build_world(data, (), known, seed).store,
        k=K,
        policy="none",
        resilience=PATIENT,
        resources=Resources(random=SeededRandomSource(seed)),
    )
    asked = []
    for query in queries:
        documents = retriever.invoke(query.text)
        gold = next((at for at, document in enumerate(documents) if str(document.id) in query.gold), None)
        texts = tuple(document.page_content for document in documents)
        asked.append(Asked(query, texts, gold, right_answers(data, query)))
    return retriever, asked


class _Measuring:
    """One measurement: what all of its parts share."""

    def __init__(
        self,
        data: Dataset,
        retriever: DefendedRetriever,
        asked: Sequence[Asked],
        seed: int,
        report: Report,
        guards: Sequence[str],
    ) -> None:
        self.data, self.retriever, self.asked, self.seed, self.report = data, retriever, asked, seed, report
        self.guards = list(guards)
        self.leaks = [label for label in guards if isinstance(self.defense(label), LeakGuard)]
        self.checks = Checks(len(asked))
        self._differing: dict[str, list[float]] = {chunks: [] for chunks in CHUNKS}
        self._chains: dict[str, Chain] = {}

    def defense(self, label: str) -> AnswerDefense:
        plan = planned(label)
        own: dict[str, Any] = {"canaries": canaries(self.seed)} if plan.name == "canary_check" else {}
        made = build(plan.name, {**own, **plan.parameters})
        assert isinstance(made, AnswerDefense)
        return made

    def measured(self) -> Checks:
        self._benign()
        self._repeated()
        self._marked()
        self._prompts()
        self.checks.differing = {chunks: rate(found) for chunks, found in self._differing.items()}
        return self.checks

    # Benign answers

    def _benign(self) -> None:
        made: dict[str, list[Made]] = defaultdict(list)
        for one in self.asked:
            for answer in benign(one, self.seed):
                made[answer.kind].append(answer)
        for number, label in enumerate(self.guards):
            self.report(f"benign answers: {label}", number, len(self.guards))
            defense, spent = self.defense(label), self.checks.milliseconds.setdefault(label, [])
            for kind, answers in made.items():
                changed: list[float] = []
                # Question after question: what a guard keeps of the documents of one is gone when they come again.
                for at, answer in enumerate(answers):
                    query, documents = answer.asked.query.text, answer.asked.documents
                    handed, milliseconds = whole(defense, query, documents, answer.text, self.seed)
                    spent.append(milliseconds)
                    changed.append(handed.text != answer.text)
                    if at < STREAMED:
                        self._stream(label, query, answer.text, handed, at)
                self.checks.benign.setdefault(label, {})[kind] = rate(changed)

    # Extraction

    def _repeated(self) -> None:
        for number, form in enumerate(FORMS if self.leaks else ()):
            self.report(f"repeated documents: {form.name}", number, len(FORMS) + 1)
            answers = [(one, repeated(one, form), one.documents) for one in self.asked if one.documents]
            self._left(form, answers)
        if self.leaks:
            rests = [(one, *found) for one in self.asked if (found := continuation(one))]
            shape = replace(FORMS[0], name=CONTINUED)
            self._left(shape, [(one, text, (one.documents[place],)) for one, text, place in rests])

    def _left(self, form: Form, answers: Sequence[tuple[Asked, str, tuple[str, ...]]]) -> None:
        """What is left of some answers in a form, each with the documents that it repeats."""
        name = form.name
        guards = {label: guard for label in self.leaks if isinstance(guard := self.defense(label), LeakGuard)}
        found: dict[str, list[Left]] = {label: [] for label in ("", *guards)}
        streams: dict[str, list[Left]] = {chunks: [] for chunks in CHUNKS}
        for at, (one, text, documents) in enumerate(answers):
            left = partial(_counted, form, one.documents, documents)
            found[""].append(left(text, None))
            for label, defense in guards.items():
                handed, milliseconds = whole(defense, one.query.text, one.documents, text, self.seed)
                found[label].append(left(handed.text, defense))
                if label == self.leaks[0]:
                    if name == FORMS[0].name:
                        self.checks.dumped.append(milliseconds)
                    if form.claimed and at < STREAMED:
                        for chunks, out in self._stream(label, one.query.text, text, handed, at).items():
                            streams[chunks].append(left(out.text, defense))
        self.checks.bare[name] = _rest(found.pop("")).left
        self.checks.rest[name] = {label: _rest(counted) for label, counted in found.items()}
        if form.claimed:
            self.checks.streamed[name] = {chunks: _rest(counted) for chunks, counted in streams.items()}

    # What the others are for

    def _marked(self) -> None:
        made: dict[tuple[str, str], list[Marked]] = defaultdict(list)
        names = [planned(label).name for label in self.guards]
        for answer in marked(self.data, self.asked, self.seed):
            if planned(answer.guard).name in names:
                made[answer.guard, answer.kind].append(answer)
        documents = {one.query.text: one.documents for one in self.asked}
        for number, ((label, kind), answers) in enumerate(made.items()):
            self.report(f"{label}: {kind}", number, len(made))
            defense = self.defense(label)
            caught: list[float] = []
            streams: dict[str, list[float]] = {chunks: [] for chunks in CHUNKS}
            for at, answer in enumerate(answers):
                served = documents.get(answer.query, ())
                handed, _ = whole(defense, answer.query, served, answer.text, self.seed)
                caught.append(answer.caught(handed))
                if at < STREAMED:
                    for chunks, out in self._stream(label, answer.query, answer.text, handed, at).items():
                        streams[chunks].append(answer.caught(out))
            by_chunks = {chunks: rate(found) for chunks, found in streams.items()}
            self.checks.rows.append(Row(label, kind, answers[0].wanted, rate(caught), by_chunks))
        self.checks.rows.sort(key=lambda row: names.index(planned(row.guard).name))

    # Streams and prompts

    def _stream(self, label: str, query: str, answer: str, checked: Handed, number: int) -> dict[str, Handed]:
        """What a client gets of a streamed answer, by way of streaming."""
        chain = self._chains.get(label)
        if chain is None:
            chain = self._chains[label] = Chain(self.retriever, self.defense(label))
        found: dict[str, Handed] = {}
        for chunks, size in CHUNKS.items():
            draw = rng(self.seed, "pieces", f"{label} {chunks} {number} {len(answer)}")
            found[chunks] = chain.streamed(query, answer, lambda size=size, draw=draw: size(draw))  # type: ignore[misc]
            self._differing[chunks].append(found[chunks].text != checked.text)
        return found

    def _prompts(self) -> None:
        for name in DEFENSES.names():
            defense = DEFENSES.get(name)
            if defense.manifest.stage is not Stage.GENERATION:
                continue
            self.checks.prompts[name] = None
            if Need.ATTENTION in defense.manifest.needs:
                continue
            made = build(name)
            assert isinstance(made, GenerationDefense)
            chain = Chain(self.retriever, made)
            answered = islice((one for one in self.asked if one.answers), COUNTED)
            counts = [chain.prompts(one.query.text, one.answers[0], f"client-{at}") for at, one in enumerate(answered)]
            if counts:
                self.checks.prompts[name] = (min(counts), max(counts))


def _counted(form: Form, served: Sequence[str], repeated: Sequence[str], text: str, guard: LeakGuard | None) -> Left:
    """What is left of the documents that an answer repeats, under the limits that hold for all that were served."""
    each, share = (1, 1.0) if guard is None else (guard.quote_words, guard.share)
    plain = form.undo(text)
    of_all = left_of(plain, served, each, share, joined=form.joined)
    if len(repeated) == len(served):
        return of_all
    own = left_of(plain, repeated, each, share, joined=form.joined)
    return own._replace(beyond=min(of_all.beyond, own.left))


def _rest(found: Sequence[Left]) -> Rest:
    words = [one.words for one in found]
    return Rest(
        ratio([one.left for one in found], words),
        ratio([one.beyond for one in found], words),
        rate([one.beyond > 0 for one in found]),
    )


def percentiles(milliseconds: Iterable[float]) -> tuple[float, float] | None:
    """The 50th and the 95th percentile; None of nothing."""
    values = list(milliseconds)
    if not values:
        return None
    p50, p95 = np.percentile(values, [50, 95])
    return float(p50), float(p95)
