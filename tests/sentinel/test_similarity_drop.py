"""M_DRP."""

import pytest

from sentinel.signals.similarity_drop import SimilarityDrop
from tests.builders import candidates, evidence


@pytest.mark.parametrize(
    ("similarities", "drop"),
    [([0.9, 0.5, 0.6], 0.4), ([0.5, 0.5], 0.0), ([0.9, None], None), ([], None), ([None, None], None)],
)
def test_golden(similarities, drop):
    value = SimilarityDrop().measure(evidence(found=candidates(["x"] * len(similarities), similarities)))
    assert value == (None if drop is None else pytest.approx(drop))


def test_reason():
    assert SimilarityDrop().reason(evidence(), 0.4) == "similarity falls by 0.40 from the best match to the last"
