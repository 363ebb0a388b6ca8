"""The signal `corpus_coverage` over one client's requests."""

import pytest

from sentinel.signals.corpus_coverage import CorpusCoverage
from tests.builders import evidence
from tests.sentinel.history_cases import CLOSED, DOCUMENT, OPEN, OTHERS, play


def test_missing_without_history():
    assert CorpusCoverage().measure(evidence(CLOSED, [DOCUMENT])) is None


def test_new_documents_count_and_old_ones_do_not():
    crawl = play(CorpusCoverage(), [(OPEN, [f"{i} {j}" for j in range(5)]) for i in range(8)], evidence=evidence)
    stay = play(CorpusCoverage(), [(CLOSED, [DOCUMENT, *OTHERS])] * 8, evidence=evidence)
    assert crawl == sorted(crawl)
    assert crawl[-1] > 5 * stay[-1]
    assert crawl[0] == pytest.approx(stay[0], rel=0.1)
