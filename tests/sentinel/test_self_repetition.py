"""What a text says again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.signals.self_repetition import SelfRepetition, self_repetition
from tests.builders import evidence

ONCE = "when the question is asked the answer to it is always the harbour of Calder and nothing else at all"


def test_golden():
    words = [f"w{i}" for i in range(12)]
    assert self_repetition(" ".join(words)) == 0.0
    # 24 words have 19 runs of six; the last seven of them stand there before.
    assert self_repetition(" ".join(words * 2)) == pytest.approx(7 / 19)


def test_an_order_written_again_and_again():
    value = SelfRepetition().measure(evidence(found=[" ".join([ONCE] * 10), ONCE]))
    assert value[0] > 0.85
    assert value[1] == 0.0
    assert SelfRepetition().reason(evidence(), value).endswith("more than once")


def test_short_texts_are_missing():
    assert np.isnan(SelfRepetition().measure(evidence(found=["", "no no no no", "word " * 11]))).all()


@given(st.lists(st.sampled_from("abc"), max_size=60).map(" ".join))
def test_it_is_the_share_of_repeated_runs(text):
    said = text.split()
    runs = [tuple(said[i : i + 6]) for i in range(len(said) - 5)]
    value = self_repetition(text)
    if len(said) < 12:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(1 - len(set(runs)) / len(runs))


def test_other_languages_count_alike():
    assert self_repetition("Auf die Frage nach dem Hafen ist die Antwort immer Calder. " * 4) > 0.6
    assert np.isnan(self_repetition("磨坊建于一七八四年由安德斯建造" * 4))  # no spaces, no words to count
