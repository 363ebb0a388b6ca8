"""Drop long runs of words that hang together by nothing."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.gibberish_filter import GibberishFilter, longest_noise
from sentinel import RiskProfile, Threat
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose

NOISE = " ".join(f"{a}{b}" for a in ("grit", "folk", "basil") for b in ("ula", "mix", "oda", "tar", "ent", "isk"))
PROSE = "The minority interest is the part of a firm that is not owned by the parent, as the law has it."


def select(texts, **parameters):
    return GibberishFilter(**parameters).select(evidence(found=texts), RiskProfile(), Resources())


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("", 0),
        ("alpha beta gamma", 3),
        ("alpha beta the gamma delta", 2),  # 2 - 3 < 0, then 2
        ("alpha beta gamma delta of epsilon", 4),  # 4 - 3 + 1 = 2
        ("alpha beta, gamma", 2),  # 2 - 2 + 1
        ("alpha beta 1999 gamma", 3),  # a number counts nothing
        ("alpha ## beta", 3),  # an odd sign counts once more
        ("alpha ™ beta ® gamma", 5),
        ("zwei das alpha das beta", 1),  # a short word that comes again is a function word
    ],
)
def test_golden(text, noise):
    assert longest_noise(text) == noise


def test_an_optimised_prefix_is_dropped_and_prose_is_not():
    selection = select([f"{NOISE} {PROSE}", PROSE, NOISE])
    assert selection.keep == (1,)
    assert selection.dropped[0] == "a run of 18 words without a sentence"
    assert select([NOISE], run=18.0).keep == ()
    assert select([NOISE], run=18.5).keep == (0,)


@pytest.mark.parametrize(
    "text",
    [
        "Ada Marsh, Ben Cole, Cy Dorn, Dee Eames, Flo Grant, Hal Ives, Jo Kemp, Lee Moss, Nan Orr, Pat Quin, Ray Sims",
        "Der Fluss ist lang und der Berg ist hoch, und das Tal ist still, wenn der Wind nicht weht und der See ruht.",
        "Bees (Apis) dance; wasps (Vespa) do not; ants: never. Temperature 21.5 C, 30 %, 1,000 units, n = 24.",
    ],
)
def test_names_lists_and_other_languages_are_kept(text):
    assert select([text]).keep == (0,)


TELEGRAM = (
    "Owner Priya Korpole / Nettle / beagle / limping badly / eats well / swollen eyelid / slept poorly / sent home"
)


def with_corpus(text):
    found = replace(evidence(found=[text]), corpus=replace(profile(), text=profile().text.with_texts([TELEGRAM] * 3)))
    return GibberishFilter().select(found, RiskProfile(), Resources())


def suspected(found, *suspicion, **parameters):
    found = replace(evidence(found=found), corpus=profile())
    seen = RiskProfile(suspicion={Threat.POISONING: np.array(suspicion)} if suspicion else {})
    return GibberishFilter(known=10.0, **parameters).select(found, seen, Resources())


def test_a_shorter_run_does_where_the_passage_is_suspected():
    short = f"{' '.join(NOISE.split()[:6])} {prose(3)}"
    long = f"{' '.join(NOISE.split()[:12])} {prose(3)}"
    texts = [short, short, long, prose(4)]
    assert suspected(texts, 0.5, 0.5, 0.5, 0.5).keep == (0, 1, 3)  # not unless asked for
    asked = suspected(texts, 0.5, 0.005, 0.0, 0.9, suspected=5.0)
    assert asked.keep == (1, 3)
    assert asked.dropped[0] == "a run of 6 words without a sentence"
    assert suspected(texts, 0.5, 0.005, 0.0, 0.9, suspected=5.0, suspicion=0.001).keep == (3,)


@pytest.mark.parametrize("suspicion", [(), (math.nan, math.nan)])
def test_what_nobody_evaluated_is_judged_without_suspicion(suspicion):
    short, long = (f"{' '.join(NOISE.split()[:n])} {prose(3)}" for n in (6, 12))
    assert suspected([short, long], *suspicion, suspected=5.0).keep == (0,)


@given(st.floats(0.0, 1.0), st.floats(3.0, 20.0))
def test_to_ask_for_less_of_the_suspected_never_keeps_more(suspicion, run):
    texts = [f"{' '.join(NOISE.split()[:n])} {prose(3)}" for n in (4, 6, 9, 12)]
    plain, more = suspected(texts, *[suspicion] * 4), suspected(texts, *[suspicion] * 4, suspected=run)
    assert set(more.keep) <= set(plain.keep)


def test_the_corpus_tells_records_from_noise():
    # Without a corpus the record is noise; in one that is written so it is not, and shorter noise is told all the same.
    assert longest_noise(TELEGRAM) >= 15
    assert select([f"{TELEGRAM}."]).keep == ()
    assert with_corpus(f"{TELEGRAM}.").keep == (0,)
    short = f"{' '.join(NOISE.split()[:12])} {prose(3)}"
    assert select([short]).keep == (0,)
    assert with_corpus(short).keep == ()


def test_a_text_that_the_corpus_cannot_judge_is_judged_without_it():
    assert with_corpus(NOISE).keep == ()  # hardly a word is known: another language, as far as the corpus can tell


@given(st.text(max_size=300))
def test_noise_is_never_negative_nor_more_than_its_words(text):
    assert 0 <= longest_noise(text) <= 2 * len(text)


def test_hostile_lengths_are_read_in_linear_time():
    start = time.perf_counter()
    select(["a " * 100_000, "™ x" * 60_000, "( " * 100_000, NOISE * 5_000])
    assert time.perf_counter() - start < 5
