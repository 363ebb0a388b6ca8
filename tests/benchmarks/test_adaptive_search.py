"""The search of adaptive attacks: finds what gets through, refuses what no longer attacks, keeps to its queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

import pytest

from benchmarks.attacks import Ask, Attack, AttackManifest, Family, Served, Session
from benchmarks.attacks._adaptive_search import KEPT, PER_TARGET, AdaptiveAttack, success
from benchmarks.data import Dataset
from benchmarks.samples import Sample
from tests.benchmarks.tiny import tiny


class Made(AdaptiveAttack):
    manifest = AttackManifest(name="made@adaptive", summary="for tests", family=Family.MEMBERSHIP, plain="made")
    dimensions: ClassVar = {"size": (9, 5, 2), "colour": ("red", "blue"), "asks": (1, 7)}
    sample = 10

    def targets(self, data: Dataset) -> list[tuple[str, bool | None]]:
        return [(f"t{i}", i % 2 == 0) for i in range(40)]

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        asks = tuple(Ask("q") for _ in range(self.form["asks"]))
        return [Session(key, asks, member=member, target=key) for key, member in self.targets(data)]

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        return {}


class Answers:
    """An oracle that tells members from others to a degree that depends on the form."""

    def __init__(self, defended: Callable[[Any], float], undefended: Callable[[Any], float] = lambda form: 1.0) -> None:
        self.data = tiny()
        self.rates = {True: defended, False: undefended}
        self.asked: Counter[str] = Counter()
        self.most = 0

    def left(self, target: str) -> int:
        return PER_TARGET - self.asked[target]

    def asks(self, attack: Attack) -> dict[str, int]:
        return {str(s.target): len(s.asks) for s in attack.sessions(self.data, 0)}

    def outcomes(self, attack: Attack, targets: Collection[str], *, defended: bool) -> list[Sample]:
        assert isinstance(attack, AdaptiveAttack)
        sessions = [s for s in attack.sessions(self.data, 0) if s.target in targets]
        if defended:
            self.asked.update({str(s.target): len(s.asks) for s in sessions})
        rate = self.rates[defended](attack.form)
        seen = 0
        made = []
        for session in sessions:
            seen += bool(session.member)
            right = bool(session.member) and seen <= rate * sum(bool(s.member) for s in sessions)
            made.append(Sample("p", "a", session.id, member=session.member, values={"score": float(right)}))
        return made


def test_it_finds_the_form_that_gets_through() -> None:
    oracle = Answers(lambda form: 1.0 if form["size"] == 2 and form["colour"] == "blue" else 0.2 * (form["size"] == 2))
    tuned, trials = Made().tuned(oracle, 0)
    assert (tuned.form["size"], tuned.form["colour"]) == (2, "blue")
    assert trials[0].form == Made().form
    assert (trials[0].success, trials[0].undefended) == (0.0, 1.0)
    assert len({tuple(t.form.values()) for t in trials}) == len(trials)


def test_what_no_longer_attacks_is_not_tried_on_the_policy() -> None:
    def undefended(form: Any) -> float:
        return 0.4 if form["colour"] == "blue" else 1.0

    oracle = Answers(lambda form: 1.0 if form["colour"] == "blue" else 0.4 * (form["size"] == 5), undefended)
    tuned, trials = Made().tuned(oracle, 0)
    assert (tuned.form["colour"], tuned.form["size"]) == ("red", 5)
    blue = [t for t in trials if t.form["colour"] == "blue"]
    assert blue
    assert all(t.success is None and t.undefended < KEPT for t in blue)


def test_luck_on_a_few_targets_is_not_taken_for_success(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lucky(Answers):
        def outcomes(self, attack: Attack, targets: Collection[str], *, defended: bool) -> list[Sample]:
            assert isinstance(attack, AdaptiveAttack)
            self.rates[False] = lambda form: 0.5 if form["colour"] == "blue" and len(targets) > Made.sample else 1.0
            return super().outcomes(attack, targets, defended=defended)

    tuned, trials = Made().tuned(Lucky(lambda form: 0.8 if form["colour"] == "blue" else 0.2 * (form["size"] == 5)), 0)
    assert max(trials, key=lambda t: t.success or 0.0).form["colour"] == "blue"
    assert (tuned.form["colour"], tuned.form["size"]) == ("red", 5)


def test_it_never_asks_more_than_it_may() -> None:
    class Costly(Made):
        dimensions: ClassVar = {**Made.dimensions, "asks": (90, 150)}

    oracle = Answers(lambda form: 0.0)
    Costly().tuned(oracle, 0)
    assert max(oracle.asked.values()) <= PER_TARGET
    assert len(oracle.asked) > Costly.sample  # targets are taken in turn, not the same ones until they are used up


def test_where_nothing_helps_the_plain_form_stays() -> None:
    tuned, _ = Made().tuned(Answers(lambda form: 0.0), 0)
    assert tuned.form == Made().form == {"size": 9, "colour": "red", "asks": 1}


def test_the_same_seed_finds_the_same() -> None:
    def rate(form: Any) -> float:
        return form["size"] / 9

    assert Made().tuned(Answers(rate), 3)[1] == Made().tuned(Answers(rate), 3)[1]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([(1.0, True), (0.0, False)], 1.0), ([(0.0, True), (1.0, False)], 0.0), ([(1.0, True), (1.0, False)], 0.0),
     ([(1.0, True), (0.0, True), (0.0, False)], 0.5), ([(1.0, True)], 0.0), ([], 0.0)],
)  # fmt: skip
def test_success_of_a_membership_attack(scores: list[tuple[float, bool]], expected: float) -> None:
    samples = [Sample("p", "a", str(i), member=m, values={"score": s}) for i, (s, m) in enumerate(scores)]
    assert success(samples, Family.MEMBERSHIP) == expected


def test_success_of_a_poisoning_is_its_exposure_and_failures_do_not_count() -> None:
    samples = [Sample("p", "a", str(i), values={"exposed": e}) for i, e in enumerate((1.0, 0.0, 1.0, 1.0))]
    assert success([*samples, Sample("p", "a", "x", error="broken")], Family.POISONING) == 0.75
    assert success([], Family.POISONING) == 0.0
