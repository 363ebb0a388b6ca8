"""A sentence with words deleted and substituted is still followed in order; a question is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import CorpusProfile
from sentinel.signals.aligned_chain import AlignedChain
from sentinel.signals.aligned_sentence import AlignedSentence
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose

TARGET = "The keeper Aldwin carried seven copper kettles across the frozen marsh before the abbot rang the cracked bell"
CLOZE = "keeper carried nine copper across the frozen field before the abbot the cracked bell"


def both(query, texts):
    found = evidence(query, texts, corpus=profile())
    return AlignedSentence().measure(found), AlignedChain().measure(found)


def test_the_sentence_itself_is_aligned_whole():
    # Every word but "the" is rare here (13: keeper, aldwin, ..., bell without "the"); four "the" are passed over.
    share, chain = both(TARGET, [TARGET, prose(1)])
    assert share[0] > 0.95
    assert chain.tolist() == [0, 0]
    assert share[1] == 0


def test_deleted_and_substituted_words_cost_little():
    share, chain = both(CLOZE, [f"{prose(3)} {TARGET}. {prose(4)}", prose(5)])
    assert share[0] > 0.6
    assert chain[0] >= 5
    assert share[1] < 0.2


def test_order_counts():
    backwards = " ".join(reversed(CLOZE.split()))
    assert both(backwards, [TARGET])[1][0] <= 3 < both(CLOZE, [TARGET])[1][0]


@given(st.text(min_size=1, max_size=80).filter(str.strip) | st.just(CLOZE), st.lists(st.text(max_size=80), max_size=4))
def test_bounds(query, texts):
    share, chain = both(query, [*texts, TARGET])
    if share is not None:
        assert ((share >= 0) & (share <= 1 + 1e-9)).all()
        assert ((chain >= 0) & (chain <= len(query))).all()


@pytest.mark.parametrize("corpus", [None, CorpusProfile(3, np.eye(3, dtype=np.float32))])
def test_without_a_scan_it_is_missing(corpus):
    assert AlignedSentence().measure(evidence(CLOZE, [TARGET], corpus=corpus)) is None
    assert AlignedChain().measure(evidence(CLOZE, [TARGET], corpus=corpus)) is None


def test_too_few_rare_words_and_hostile_repetition():
    assert both("the bell", [TARGET])[0] is None
    assert np.isfinite(both("bell kettle marsh " * 200, ["bell kettle marsh " * 5000])[0]).all()


def test_reason():
    found = evidence(CLOZE, [TARGET], corpus=profile())
    assert "rare words stand in one passage" in AlignedSentence().reason(found, np.array([0.5]))
    assert AlignedChain().reason(found, np.array([9.0])).startswith("9 rare words")
