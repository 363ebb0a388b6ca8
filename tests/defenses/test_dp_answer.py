"""What the caller receives is private: by formula, by golden values, and by counting what comes out."""

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from defenses import GenerationDefense, MemoryLedger, Resources, SeededRandomSource, SystemRandomSource, build
from defenses.generation import dp_answer as module
from defenses.generation._private_histogram import (
    Noise,
    calibrate,
    composed_delta,
    composed_epsilon,
    gaussian_delta,
    release,
)
from defenses.generation.dp_answer import DpAnswer
from sentinel import ComponentError, ConfigurationError, Need, Request, Stage
from tests.defenses.readers import QUESTION, Reader, asked, says

REQUEST = Request(QUESTION, client_id="c", time=0.0)


def seeded(seed, ledger=None):
    return Resources(SeededRandomSource(seed), MemoryLedger() if ledger is None else ledger)


# --- the mathematics ---


def test_gaussian_golden():
    # From tables: Phi(-0.5) = .3085375, Phi(-1.5) = .0668072, so delta = .3085375 - e * .0668072 (mu = 1, epsilon = 1).
    assert gaussian_delta(1.0, 1.0) == pytest.approx(0.3085375387 - math.e * 0.0668072013, abs=1e-9)
    # At epsilon = 0 it is the total variation: Phi(1/2) - Phi(-1/2) = .3829249.
    assert gaussian_delta(1.0, 0.0) == pytest.approx(0.3829249225, abs=1e-9)
    # The analytic calibration for sensitivity 1, epsilon 1, delta 1e-5, as the authors' and other libraries give it.
    assert gaussian_delta(1 / 3.730631634815942, 1.0) == pytest.approx(1e-5, rel=1e-6)
    assert gaussian_delta(0.0, 1.0) == 0.0
    assert 0.0 <= gaussian_delta(1e-3, 50.0) < 1e-300


@pytest.mark.parametrize(
    ("sigma", "keywords", "releases", "delta", "epsilon", "delta_at_1"),
    [
        (10.0, 1, 10, 1e-5, 1.7600571615, 0.0031850554),
        (25.0, 4, 5, 1e-6, 1.0743604363, 3.6427238206e-06),
        (40.0, 2, 100, 1e-6, 2.2540846567, 0.0068295950),
    ],
)
def test_composition_golden(sigma, keywords, releases, delta, epsilon, delta_at_1):
    # dp-accounting 0.6.0: PLDAccountant().compose(SelfComposedDpEvent(GaussianDpEvent(sigma / sqrt(2 keywords)),
    # releases)), its get_epsilon(delta) and get_delta(1.0). No threshold is passed by chance here.
    noise = Noise(sigma, 1e9)
    assert composed_epsilon(noise, keywords, releases, delta) == pytest.approx(epsilon, rel=1e-5)
    assert composed_delta(noise, keywords, releases, 1.0) == pytest.approx(delta_at_1, rel=1e-4)


def worst_delta(noise, keywords, epsilon):
    """One release, exactly: the worst of all ways in which neighbours can share keywords."""
    stays = norm.cdf((noise.threshold - 1) / noise.sigma)
    return max(
        1
        - stays**a
        + stays**a * gaussian_delta(math.sqrt(2 * keywords - a - b) / noise.sigma, epsilon + (b - a) * math.log(stays))
        for a, b in itertools.product(range(keywords + 1), repeat=2)
    )


@pytest.mark.parametrize("keywords", [1, 2, 5])
@pytest.mark.parametrize("epsilon", [0.5, 2.0, 8.0])
def test_the_bound_holds_for_every_way_to_be_neighbours_and_is_not_loose(keywords, epsilon):
    noise = calibrate(epsilon, 1e-4, keywords, 1)
    bound = composed_delta(noise, keywords, 1, epsilon)
    assert bound == pytest.approx(1e-4, rel=1e-5)
    assert bound <= 1e-4
    assert 0.4 * bound < worst_delta(noise, keywords, epsilon) <= bound


def test_calibration_golden():
    # Were all of delta the noise's, sigma would be sqrt(2) * 3.7306 = 5.2759; 45 % of it goes to the threshold.
    noise = calibrate(1.0, 1e-5, 1, 1)
    assert noise.sigma == pytest.approx(5.46352, abs=1e-4)
    assert noise.threshold == pytest.approx(25.25749, abs=1e-4)
    assert 1 - norm.cdf((noise.threshold - 1) / noise.sigma) == pytest.approx(0.45e-5, rel=1e-4)
    assert DpAnswer().noise.threshold == pytest.approx(20.6, abs=0.1), "what the documentation says of the defaults"


@given(st.floats(0.2, 20), st.sampled_from([1e-3, 1e-6, 1e-10]), st.integers(1, 8), st.sampled_from([1, 2, 10, 1000]))
def test_calibration_spends_no_more_than_it_may(epsilon, delta, keywords, releases):
    noise = calibrate(epsilon, delta, keywords, releases)
    assert composed_delta(noise, keywords, releases, epsilon) <= delta
    assert composed_epsilon(noise, keywords, releases, delta) == pytest.approx(epsilon, rel=1e-4)
    fewer = composed_epsilon(noise, keywords, max(1, releases // 2), delta)
    assert fewer <= epsilon * (1 + 1e-6)
    assert composed_epsilon(Noise(noise.sigma, 1.0), keywords, releases, delta) == math.inf
    assert composed_epsilon(Noise(1e12, 1e15), keywords, 1, delta) == 0.0


def test_release_keeps_what_many_hold_in_order_of_the_noisy_counts():
    assert release({"a": 50, "b": 90, "c": 1, "d": 0}, Noise(1e-9, 20.0), random.Random(1)) == ["b", "a"]
    assert not any(release({"d": 0}, Noise(9.0, 0.1), random.Random(i)) for i in range(20)), (
        "noise only where a count is"
    )
    found = Counter(w for i in range(4000) for w in release({"x": 20}, Noise(2.0, 21.0), random.Random(i)))
    assert found["x"] / 4000 == pytest.approx(norm.cdf(-0.5), abs=0.03)


# --- what the caller receives ---

RUNS = 5000
LEVEL = 1e-6
LOOSE = DpAnswer(epsilon=1.0, delta=1e-3, keywords=1, answers=1, window_s=1.0)
# The worst neighbours: one document says "rome" instead of "paris", both counts near what passes.
AROUND = round(LOOSE.noise.threshold)
LEFT = says(*["paris"] * AROUND, *["rome"] * AROUND)
RIGHT = says(*["paris"] * (AROUND - 1), *["rome"] * (AROUND + 1))
# One document alone names a place that no other does.
ALONE = says(*["paris"] * AROUND, "atlantis")
WITHOUT = says(*["paris"] * (AROUND + 1))


def received(defense, documents, first_seed):
    """How often each answer came back, over runs that differ in nothing but the noise."""
    given, found = asked(documents), Counter()
    reader = Reader(knows="nowhere")
    reader.remember = {}
    plain = reader.answer

    def answer(prompt):
        if prompt not in reader.remember:
            reader.remember[prompt] = plain(prompt)
        return reader.remember[prompt]

    reader.answer = answer
    for seed in range(first_seed, first_seed + RUNS):
        text = defense.generate(given, reader, REQUEST, seeded(seed)).text
        found[" ".join(sorted(text.split(", ")))] += 1
        reader.batches.clear()
    return found


def low(hits):
    return float(beta.ppf(LEVEL, hits, RUNS - hits + 1)) if hits else 0.0


def high(hits):
    return float(beta.ppf(1 - LEVEL, hits + 1, RUNS - hits)) if hits < RUNS else 1.0


def violations(left, right, epsilon, delta):
    """Sets of answers more likely on the left than (epsilon, delta) allows, beyond what chance explains."""
    outcomes = sorted(left | right)
    sets = [s for size in range(1, len(outcomes)) for s in itertools.combinations(outcomes, size)]
    counts = [(sum(left[o] for o in s), sum(right[o] for o in s)) for s in sets]
    return [s for s, (a, b) in zip(sets, counts, strict=True) if low(a) > math.exp(epsilon) * high(b) + delta]


def both_ways(defense, one, other):
    left, right = received(defense, one, 0), received(defense, other, 10**6)
    return violations(left, right, 1.0, 1e-3) + violations(right, left, 1.0, 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [(LEFT, RIGHT), (ALONE, WITHOUT), (LEFT, LEFT[1:])])
def test_answers_on_neighbouring_documents_stay_within_epsilon_and_delta(one, other):
    assert not both_ways(LOOSE, one, other)


@pytest.mark.slow
def test_the_statistical_test_finds_too_little_noise(monkeypatch):
    right = LOOSE.noise
    monkeypatch.setattr(module, "calibrate", lambda *_: Noise(right.sigma / 4, right.threshold))
    assert both_ways(LOOSE, LEFT, RIGHT), "a quarter of the noise"
    monkeypatch.setattr(module, "calibrate", lambda *_: Noise(right.sigma, 1.5 * right.sigma))
    assert both_ways(LOOSE, ALONE, WITHOUT), "a threshold that a single document can pass"


def test_what_many_agree_on_is_answered_and_no_document_reaches_the_last_prompt():
    reader = Reader(knows="nowhere")
    documents = says(*["paris"] * 60, *["london"] * 3)
    made = build("dp_answer").generate(asked(documents), reader, REQUEST, seeded(1))
    assert made.text == "paris"
    assert made.calls == 64 == len(reader.prompts)
    assert [len(batch) for batch in reader.batches] == [63, 1], "one batch for each step"
    assert not any(document in reader.prompts[-1].user for document in documents)
    assert "london" not in reader.prompts[-1].user
    assert made.dropped == {}, "which document said what would not be private"
    assert made.spent == (pytest.approx(build("dp_answer").epsilon_after(1)), 1e-5)
    assert 0 < made.spent[0] < 8.0


@pytest.mark.parametrize("documents", [says(*["paris"] * 5), says("paris", None), ["", " "], []])
def test_few_documents_are_answered_without_them(documents):
    reader = Reader(knows="nowhere")
    made = build("dp_answer").generate(asked(documents), reader, REQUEST, seeded(1))
    assert made.text == "nowhere"
    assert reader.prompts[-1] == asked([]).prompt
    assert made.calls == len(documents) + 1


@given(st.permutations(says(*["paris"] * 30, *["london"] * 20, None)), st.integers(0, 20))
def test_the_order_of_documents_decides_nothing(documents, seed):
    first = build("dp_answer").generate(asked(sorted(documents)), Reader(), REQUEST, seeded(seed))
    assert build("dp_answer").generate(asked(documents), Reader(), REQUEST, seeded(seed)) == first


def test_one_answer_counts_for_so_many_keywords_and_once_for_each(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "release", lambda counts, noise, source: seen.append(dict(counts)) or [])
    replies = {"Passage 0": "paris paris london rome oslo", "Passage 1": UNKNOWN_LONG, "Passage 2": "the capital paris"}
    build("dp_answer").generate(asked(says("a", "b", "c")), Reader(replies=replies), REQUEST, seeded(1))
    assert seen == [{"paris": 2, "london": 1}]


UNKNOWN_LONG = "I'm sorry, but I cannot find that in the text about Lisbon."


def test_the_budget_is_the_clients_and_answers_go_on_without_documents():
    defense = build("dp_answer", {"answers": 2, "window_s": 100.0, "epsilon": 50.0})
    ledger, documents = MemoryLedger(), says(*["paris"] * 40)

    def answer(client, time, tenant=None, given=documents):
        request = Request(QUESTION, client_id=client, tenant=tenant, time=time)
        return defense.generate(asked(given), Reader(knows="nowhere"), request, seeded(time, ledger))

    assert [answer("a", t).text for t in (0.0, 1.0, 2.0)] == ["paris", "paris", "nowhere"]
    spent = answer("a", 3.0)
    assert spent.calls == 1
    assert spent.spent == (0.0, 0.0)
    assert set(spent.dropped) == set(range(40))
    assert answer("b", 3.0).text == "paris"
    assert answer("a", 3.0, tenant="t").text == "paris"
    assert answer(None, 4.0, given=[]).spent[0] > 0, "also where nothing was retrieved: that too is about documents"
    assert [answer(None, t).text for t in (5.0, 6.0)] == ["paris", "nowhere"]
    assert answer("a", 101.5).text == "paris", "a new window"


def test_what_two_answers_cost_together_is_within_the_budget():
    defense = build("dp_answer", {"answers": 2})
    one, two = defense.epsilon_after(1), defense.epsilon_after(2)
    assert one < two == pytest.approx(8.0, rel=1e-4)
    assert two < 2 * one


class Failing(Reader):
    def generate(self, prompts, *, max_tokens=None):
        raise ComponentError("reader", "out of memory")


def test_a_failure_gives_nothing_back():
    defense, ledger = build("dp_answer", {"answers": 1, "epsilon": 50.0}), MemoryLedger()
    with pytest.raises(ComponentError):
        defense.generate(asked(says("paris")), Failing(), REQUEST, seeded(1, ledger))
    assert defense.generate(asked(says("paris")), Reader(), REQUEST, seeded(1, ledger)).spent == (0.0, 0.0)


def test_one_document_that_does_not_fit_changes_one_answer_only():
    reader = Reader(window=500)
    documents = [*says(*["paris"] * 60), "the answer is london. " * 100]
    made = build("dp_answer").generate(asked(documents), reader, REQUEST, seeded(1))
    assert made.text == "paris"
    assert made.calls == len(documents) * 2 + 1


def test_documents_can_be_asked_about_one_by_one():
    reader = Reader()
    documents = says(*["paris"] * 60)
    defense = build("dp_answer", {"batched": False})
    assert defense.generate(asked(documents), reader, REQUEST, seeded(1)) == build("dp_answer").generate(
        asked(documents), Reader(), REQUEST, seeded(1)
    )
    assert {len(batch) for batch in reader.batches} == {1}


def test_draws_come_from_the_given_source_and_that_is_cryptographic_by_default():
    assert isinstance(Resources().random, SystemRandomSource)
    drawn = []

    class Source:
        def for_request(self, request, purpose):
            drawn.append((request, purpose))
            return random.SystemRandom()

    build("dp_answer").generate(asked(says("paris")), Reader(), REQUEST, Resources(Source()))
    assert drawn == [(REQUEST, "dp_answer")]


def test_it_says_what_it_is():
    manifest = DpAnswer.manifest
    assert issubclass(DpAnswer, GenerationDefense)
    assert manifest.stage is Stage.GENERATION
    assert manifest.needs == {Need.GENERATOR, Need.LEDGER}
    assert "one of the documents served" in manifest.guarantee


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"delta": 0}, {"delta": 0.5}, {"answers": 0}, {"keywords": 0}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="dp_answer"):
        build("dp_answer", wrong)
