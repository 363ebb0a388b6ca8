"""The part of the chain that is no paste; how chains are found is tested with `aligned_sentence`."""

import numpy as np

from sentinel.signals.aligned_chain import AlignedChain
from tests.builders import evidence
from tests.sentinel.scanned import profile, prose

TARGET = "The keeper Aldwin carried seven copper kettles across the frozen marsh before the abbot rang the cracked bell"


CLOZE = "keeper carried nine copper across the frozen field before the abbot the cracked bell"


def chain(query):
    return AlignedChain().measure(evidence(query, [f"{prose(3)} {TARGET}.", prose(1)], corpus=profile()))


def test_a_short_question_has_a_short_chain_however_much_of_it_is_answered():
    # keeper, Aldwin, carried in step; kettles three words further on.
    assert chain("keeper Aldwin carried kettles").tolist() == [1, 0]


def test_what_is_pasted_does_not_count():
    assert chain(TARGET).tolist() == [0, 0]
    assert chain(f"What is meant by this? {TARGET}").tolist() == [0, 0]


def test_golden_for_words_taken_out():
    # keeper (in step with nothing) | carried .. copper across .. frozen (four: nine stands for seven, but kettles is
    # gone before across: carried, copper | across, frozen, before, abbot) | cracked, bell. Nine in all, the four that
    # are in step do not count.
    length = len(["keeper", "carried", "copper", "across", "frozen", "before", "abbot", "cracked", "bell"])
    assert chain(CLOZE).tolist() == [length - len(["across", "frozen", "before", "abbot"]), 0]


def test_words_in_another_form_are_the_same_words():
    forms = "keepers carried nine coppers across the frozen field before the abbots the cracked bells"
    assert chain(forms).tolist() == chain(CLOZE).tolist()


def test_reason():
    assert AlignedChain().reason(evidence(), np.array([9.0])).startswith("9 rare words")
