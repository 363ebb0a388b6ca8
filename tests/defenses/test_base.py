"""What every registered selection defense promises, and how defenses are built."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from defenses import (
    DEFENSES,
    Resources,
    SeededRandomSource,
    Selection,
    SelectionDefense,
    build,
)
from sentinel import ConfigurationError, Need, RiskProfile, unit
from tests.builders import (
    QUERY,
    candidates,
    content,
    contents,
    corpus_profile,
    evidence,
    from_contents,
    seeded_vector,
)

SEEDED = Resources(SeededRandomSource(7))
BEYOND = {Need.MODEL, Need.GENERATOR, Need.LEDGER}  # needs that no test of this file can meet
SELECTIONS = [
    name
    for name in DEFENSES.names()
    if issubclass(DEFENSES.get(name), SelectionDefense) and not DEFENSES.get(name).manifest.needs & BEYOND
]
# Published methods kept for comparison may break a promise, as published: TrustRAG drops both of two equal texts, and
# RAGDefender drops a number of rows that are most alike, as copies are, though not all of them.
DUPLICATE_SAFE = [name for name in SELECTIONS if name not in ("trustrag", "ragdefender")]
PARTS_EQUAL_TEXTS = {"ragdefender", "near_duplicate_filter"}  # the second on purpose: one copy of each is its work
PROBED = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
QUERIES = st.sampled_from([QUERY, PROBED, "x", "?", "\ud800‮ lone"])


def run(name, found, query=QUERY, *, query_vector=None, corpus=None):
    """Select at default parameters and check the form of the outcome."""
    chosen = evidence(query, found, query_vector=query_vector, corpus=corpus)
    before = [(c, c.document.model_copy(deep=True), content(c)) for c in chosen.candidates]
    selection = build(name).select(chosen, RiskProfile(), SEEDED)
    positions = [c.position for c in chosen.candidates]
    assert [p for p in positions if p in set(selection.keep)] == list(selection.keep), "an ordered subset"
    assert set(selection.keep) | set(selection.dropped) == set(positions)
    assert not set(selection.keep) & set(selection.dropped)
    assert set(selection.replaced) <= set(selection.keep)
    assert all(selection.dropped.values()), "a reason for each"
    for candidate, document, values in before:
        assert candidate.document == document
        assert content(candidate) == values
    return selection


def survivors(name, found, **options):
    """The contents that survive, in a form that can be compared whatever their order."""
    chosen = from_contents(found)
    kept = set(run(name, chosen, **options).keep)
    return sorted(map(repr, (content(c) for c in chosen if c.position in kept)))


SETTINGS = {"query": QUERIES, "with_query": st.booleans(), "with_corpus": st.booleans()}


def options(query, with_query, with_corpus):
    return {
        "query": query,
        "query_vector": seeded_vector(0) if with_query else None,
        "corpus": corpus_profile() if with_corpus else None,
    }


@pytest.mark.parametrize("name", SELECTIONS)
@settings(max_examples=25)
@given(found=contents(), seed=st.integers(0, 99), **SETTINGS)
def test_shuffling_changes_no_surviving_content(name, found, seed, query, with_query, with_corpus):
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    chosen = options(query, with_query, with_corpus)
    assert survivors(name, found, **chosen) == survivors(name, shuffled, **chosen)


@pytest.mark.parametrize("name", DUPLICATE_SAFE)
@settings(max_examples=25)
@given(found=contents(), copies=st.lists(st.integers(0, 11), max_size=4), **SETTINGS)
def test_exact_duplicates_change_no_surviving_content(name, found, copies, query, with_query, with_corpus):
    more = found + [found[i] for i in copies if i < len(found)]
    chosen = options(query, with_query, with_corpus)
    assert set(survivors(name, found, **chosen)) == set(survivors(name, more, **chosen))


@pytest.mark.parametrize("name", SELECTIONS)
def test_empty_and_single_candidates(name):
    assert run(name, []).keep == ()
    for text in ("", "honest", QUERY):
        run(name, candidates([text]))
        run(name, candidates([text], [0.5], [seeded_vector(1)]), query_vector=seeded_vector(0), corpus=corpus_profile())


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("similarities", [[None] * 4, [float("nan")] * 4, [0.5] * 4, [0.9, None, 0.5, float("nan")]])
@pytest.mark.parametrize("vector", [None, seeded_vector(1), np.full(16, np.nan, np.float32)])
def test_missing_and_equal_measurements(name, similarities, vector):
    for corpus in (None, corpus_profile(), corpus_profile(1)):
        run(name, candidates("abcd", similarities, [vector] * 4), query_vector=vector, corpus=corpus)


@pytest.mark.parametrize("name", SELECTIONS)
def test_nothing_measured_hides_nothing(name):
    # No similarity, no vector, no profile, no shared wording: no defense has anything to go by.
    assert run(name, candidates(["alpha", "beta", "gamma"])).dropped == {}


@pytest.mark.parametrize("name", SELECTIONS)
def test_one_text_a_thousand_times(name):
    for text in ("honest words", QUERY, "word " * 50):
        found = candidates([text] * 1000, [0.5] * 1000, [seeded_vector(1)] * 1000)
        selection = run(name, found, query_vector=seeded_vector(0), corpus=corpus_profile())
        if name in PARTS_EQUAL_TEXTS:
            assert len(selection.keep) <= 1000
        else:
            assert len(selection.keep) in (0, 1000), "equal contents share one fate"


@pytest.mark.parametrize("name", SELECTIONS)
def test_k_larger_than_what_exists(name):
    found = candidates(["honest words", QUERY, "other words"], [0.5, 0.9, 0.4], list(map(seeded_vector, range(3))))
    few, many = (
        build(name).select(evidence(found=found, query_vector=seeded_vector(9), k=k), RiskProfile(), SEEDED)
        for k in (3, 1000)
    )
    if name != "dp_retrieval":  # its utility is for k
        assert few == many
    assert set(many.keep) | set(many.dropped) == {0, 1, 2}


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("copies", [1, 1000])
def test_one_text_without_any_measurement(name, copies):
    assert len(run(name, candidates(["honest words here"] * copies)).keep) in ((copies,) if copies == 1 else (1, 1000))


@pytest.mark.parametrize("name", SELECTIONS)
def test_vectors_of_several_lengths(name):
    vectors = [seeded_vector(1), seeded_vector(2, dimension=8), None]
    run(name, candidates("abc", [0.5, 0.4, None], vectors), query_vector=seeded_vector(0), corpus=corpus_profile())


@pytest.mark.parametrize("name", SELECTIONS)
def test_positions_and_not_indices_are_answered(name):
    # An earlier defense has left candidates 1, 3 and 5.
    vectors = [seeded_vector(1)] * 6
    whole = evidence(QUERY, candidates(["x", QUERY, "x", f"{QUERY} a", "x", f"{QUERY} b"], [0.9] * 6, vectors))
    selection = build(name).select(whole.keep([1, 3, 5]), RiskProfile(), SEEDED)
    assert set(selection.keep) | set(selection.dropped) == {1, 3, 5}


@pytest.mark.parametrize("name", SELECTIONS)
def test_reasons_hold_no_user_text(name):
    text = "secretword " + PROBED
    vectors = [unit(seeded_vector(1) + 0.01 * seeded_vector(i)) for i in range(5)]
    found = candidates([f"{text} {i}" for i in range(5)], [0.9] * 5, vectors)
    selection = run(name, found, text, query_vector=seeded_vector(1), corpus=corpus_profile())
    assert not any("secretword" in reason for reason in selection.dropped.values())


@pytest.mark.parametrize("name", DEFENSES.names())
def test_defaults_are_valid_and_an_instance_cannot_be_changed(name):
    defense = build(name)
    assert defense == build(name, {})
    assert type(defense).model_validate(defense.model_dump()) == defense
    for key, value in defense.model_dump().items():
        with pytest.raises(ValidationError):
            setattr(defense, key, value)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("trustrg", {}, "unknown defense 'trustrg'; did you mean 'trustrag'?"),
        ("trustrag", {"treshold": 0.9}, "unknown parameter of trustrag 'treshold'; did you mean 'threshold'?"),
        ("trustrag", {"manifest": 1}, "unknown parameter of trustrag 'manifest'"),
        ("trustrag", {"threshold": 1.5}, "trustrag.threshold = 1.5: Input should be less than or equal to 1"),
        ("trustrag", {"threshold": float("nan")}, "trustrag.threshold = nan"),
        ("trustrag", {"rouge": "much"}, "trustrag.rouge = 'much'"),
        ("ado_noise", {"epsilon": 0}, "ado_noise.epsilon = 0: Input should be greater than 0"),
        ("hide_probed", {"run": 2.5}, "hide_probed.run = 2.5"),
    ],
)
def test_wrong_names_and_parameters_are_told_apart(name, parameters, message):
    with pytest.raises(ConfigurationError) as caught:
        build(name, parameters)
    assert message in str(caught.value)


def test_build_takes_parameters():
    assert build("hide_probed", {"run": 5}).run == 5
    assert build("hide_probed").run == 12


def test_selection_helpers():
    found = evidence(found=candidates("abc")).keep([0, 2])
    assert Selection.all_of(found) == Selection((0, 2))
    assert Selection.without(found, {2: "why"}) == Selection((0,), {2: "why"})
