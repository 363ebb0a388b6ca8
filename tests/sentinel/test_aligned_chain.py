"""The length of the chain; how chains are found is tested with `aligned_sentence`."""

import numpy as np

from sentinel.signals.aligned_chain import AlignedChain
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose

TARGET = "The keeper Aldwin carried seven copper kettles across the frozen marsh before the abbot rang the cracked bell"


def test_a_short_question_has_a_short_chain_however_much_of_it_is_answered():
    def chain(query):
        return AlignedChain().measure(evidence(query, [TARGET, prose(1)], corpus=profile()))

    assert chain("keeper Aldwin carried kettles")[0] == 4
    assert chain(TARGET).tolist() == [14, 0]


def test_reason():
    assert AlignedChain().reason(evidence(), np.array([9.0])).startswith("9 rare words")
