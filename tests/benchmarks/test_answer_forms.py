"""Blanks: who can keep to a format, and what the others are asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.answer_forms import BEFORE, ClozeReader, form_of, has_blanks, openings
from benchmarks.answer_scores import AnswerScorer, filled
from benchmarks.attacks import ATTACKS, Reply
from defenses import Asked, Prompt, Resources, SeededRandomSource, build
from sentinel.vocabulary import Request
from strategist.rag_prompt import RagTemplate
from tests.benchmarks.gullible import Gullible
from tests.benchmarks.tiny import BRIDGE, tiny


class Says(Gullible):
    """Makes something else of what it is told; completions it gives as the others do."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self.change = change

    def answer(self, prompt: Prompt) -> str:
        made = super().answer(prompt)
        return made if prompt.start else self.change(made)


def test_a_generator_is_asked_in_the_form_that_it_fills_in_better() -> None:
    assert form_of(Gullible(), 48) == "format"
    assert form_of(Gullible(follows=False), 48) == "cloze"


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (lambda text: text.replace("[MASK_", "mask "), "format"),  # near enough to be read
        (lambda text: text.replace(": ", ": the answer may be "), "cloze"),
        (lambda text: text.splitlines()[0], "cloze"),
        (lambda text: "I cannot do that.", "cloze"),
    ],
)
def test_a_form_that_is_kept_without_understanding_is_not_taken(change: Callable[[str], str], form: str) -> None:
    assert form_of(Says(change), 48) == form


def test_who_can_do_neither_is_asked_in_the_format() -> None:
    class Mute(Gullible):
        def answer(self, prompt: Prompt) -> str:
            return "-"

    assert form_of(Mute(), 48) == "format"


def test_only_two_attacks_have_blanks() -> None:
    assert [name for name in ATTACKS.names() if has_blanks(ATTACKS.get(name)())] == [
        "mba", "mba-cloze", "mba-cloze@adaptive",
    ]  # fmt: skip


def test_each_blank_has_the_text_in_front_of_it() -> None:
    (session, *_) = ATTACKS.get("mba")().sessions(tiny(), 0)
    ask = session.asks[0]
    starts = openings(session)[ask.query]
    assert len(starts) == len(ask.facts["answers"])
    assert all(0 < len(start.split()) <= BEFORE and "MASK" not in start for start in starts)
    shown = ask.query.partition("\n\n")[2].split()
    for start, place in zip(starts, [i for i, word in enumerate(shown) if "[MASK_" in word], strict=True):
        assert start.split()[-1] in (shown[place - 1], "")


def test_a_cloze_finds_its_gaps_by_their_neighbours() -> None:
    (session, *_) = ATTACKS.get("mba-cloze")().sessions(tiny(), 0)
    starts = openings(session)[session.asks[0].query]
    blanks = session.asks[0].facts["blanks"]
    assert len(starts) == len(blanks)
    for start, blank in zip(starts, blanks, strict=True):
        if blank.left and start:
            assert start.lower().rstrip(".,;:").endswith(blank.left[-1])


@pytest.mark.parametrize("name", ["mba", "mba-cloze"])
def test_completions_fill_in_what_a_document_says(name: str) -> None:
    attack = ATTACKS.get(name)()
    session = next(s for s in attack.sessions(tiny(), 0) if s.target == "bridge")
    query, template, generator = session.asks[0].query, RagTemplate(), Gullible(follows=False)
    prompt = template.write(query, [BRIDGE])
    asked = Asked(query, (BRIDGE,), prompt, lambda documents: template.write(query, documents))
    reader = ClozeReader(openings=openings(session))
    resources = Resources(random=SeededRandomSource(0))
    made = reader.generate(asked, generator, Request(query), resources)
    assert made.calls == len(filled(made.text)) == len(generator.asked)
    assert all(p.user == prompt.user and p.start for p in generator.asked)
    score = AnswerScorer(tiny(), attack).score(session, [Reply((), made.text)])["score"]
    assert score is not None
    assert score >= 0.5
    within = ClozeReader(openings=openings(session), within=build("ensemble_privacy"))
    defended = within.generate(asked, generator, Request(query), resources)
    assert defended.calls == 3 * made.calls, "the defense is asked for every blank"
    assert set(filled(defended.text)) == set(filled(made.text))
    assert all(p.start in set(openings(session)[query]) for p in generator.asked if p.user == prompt.user)
    other = reader.generate(Asked("unknown", (), prompt, lambda _: prompt), generator, Request("unknown"), resources)
    assert (other.calls, other.text) == (0, "[MASK_1]:")
