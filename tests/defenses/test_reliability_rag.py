"""ReliabilityRAG: the independent set against brute force, and the outcome by hand."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.reliability_rag import ReliabilityRag, maximum_independent_set
from sentinel import RiskProfile
from tests.builders import candidates, evidence

WHO = "who painted the ceiling of the linden chapel"
FORM = "The ceiling of the Linden chapel was painted by {}{}."


def masks(size, edges):
    found = [0] * size
    for a, b in edges:
        if a != b:
            found[a] |= 1 << b
            found[b] |= 1 << a
    return found


@pytest.mark.parametrize(
    ("size", "edges", "expected"),
    [
        (0, [], []),
        (3, [], [0, 1, 2]),
        (2, [(0, 1)], [0]),  # a tie goes to the better rank
        (3, [(0, 1), (0, 2)], [1, 2]),  # two outvote one
        (4, [(0, 1), (1, 2), (2, 3)], [0, 2]),  # {0, 2}, {0, 3} and {1, 3} tie
        (4, [(0, 2), (0, 3), (1, 2), (1, 3)], [0, 1]),
        (5, [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)], [2, 3, 4]),
    ],
)
def test_independent_set_golden(size, edges, expected):
    assert maximum_independent_set(masks(size, edges)) == expected


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=16))
def test_independent_set_agrees_with_brute_force(size, edges):
    neighbours = masks(size, [(a, b) for a, b in edges if a < size and b < size])
    for length in range(size, 0, -1):
        found = [
            chosen
            for chosen in combinations(range(size), length)
            if not any(neighbours[a] >> b & 1 for a, b in combinations(chosen, 2))
        ]
        if found:
            assert maximum_independent_set(neighbours) == list(min(found))
            return


def select(texts, similarities=None, query=WHO, **parameters):
    found = evidence(query, candidates(texts, similarities))
    return ReliabilityRag(**parameters).select(found, RiskProfile(), Resources())


def test_the_majority_stays_and_who_does_not_know_stays_too():
    texts = [
        FORM.format("Ben Cole", ""),
        FORM.format("Ada Marsh", " in May"),
        FORM.format("Ada Marsh", ""),
        "Bees dance.",
    ]
    selection = select(texts)
    assert selection.keep == (1, 2, 3)
    assert selection.dropped == {0: "contradicts the largest set of documents that agree"}


def test_a_tie_goes_to_the_most_similar():
    texts = [FORM.format("Ben Cole", ""), FORM.format("Ada Marsh", "")]
    assert select(texts, [0.9, 0.8]).keep == (0,)
    assert select(texts, [0.8, 0.9]).keep == (1,)


def test_copies_are_one_document():
    texts = [FORM.format("Ada Marsh", "")] + [FORM.format("Ben Cole", "")] * 5
    assert select(texts, [0.9] + [0.8] * 5).keep == (0,)


def test_five_that_agree_outvote_one_as_published():
    texts = [FORM.format("Ada Marsh", "")] + [FORM.format("Ben Cole", f" {w}") for w in ("so", "then", "there")]
    assert 0 not in select(texts, [0.9, 0.8, 0.8, 0.8]).keep


def test_beyond_the_nodes_only_what_contradicts_the_chosen_goes():
    texts = [FORM.format(name, "") for name in ("Ada Marsh", "Ben Cole", "Cy Dorn")] + [
        FORM.format("Ada Marsh", " once")
    ]
    assert select(texts, [0.9, 0.8, 0.7, 0.6], nodes=2).keep == (0, 3)


def test_a_question_that_wants_a_clause_drops_nothing():
    texts = [FORM.format("Ada Marsh", ""), FORM.format("Ben Cole", "")]
    assert select(texts, query="why was the ceiling of the linden chapel painted").dropped == {}
