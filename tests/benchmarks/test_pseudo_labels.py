from __future__ import annotations

from dataclasses import replace

from benchmarks.pseudo_labels import LABELS, labelled
from tests.benchmarks.datasets import BagOfWords
from tests.benchmarks.tiny import tiny


def test_what_search_finds_is_gold_where_nobody_said_what_is() -> None:
    known, unknown = tiny().queries
    data = replace(tiny(), queries=(known, replace(unknown, gold=frozenset())))
    found = labelled(data, BagOfWords(), 1)
    assert found.queries == tiny().queries  # of two passages the nearer one is the right one
    assert found.made == (LABELS,)
    assert found.hash != data.hash
    assert labelled(data, BagOfWords(), 5).queries[1].gold == {"bridge", "cheese"}
    assert labelled(data, BagOfWords(), 5).queries[0] == known


def test_nothing_is_embedded_where_everything_is_labelled() -> None:
    model = BagOfWords()
    assert labelled(tiny(), model, 5) == tiny()
    assert model.embedded == 0


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    data = replace(tiny(), queries=tuple(replace(q, gold=frozenset()) for q in tiny().queries))
    labelled(data, BagOfWords(), 1, lambda *step: told.append(step))
    assert {what for what, _, _ in told} <= {"embedding"}
