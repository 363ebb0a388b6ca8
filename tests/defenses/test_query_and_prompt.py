"""What every registered query and prompt defense promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import DEFENSES, PromptDefense, QueryDefense, Resources, SeededRandomSource, build
from sentinel import Request, RiskProfile
from tests.builders import QUERY, evidence

SEEDED = Resources(SeededRandomSource(7))
REWRITES = [name for name in DEFENSES.names() if issubclass(DEFENSES.get(name), QueryDefense)]
FRAMES = [name for name in DEFENSES.names() if issubclass(DEFENSES.get(name), PromptDefense)]


@pytest.mark.parametrize("name", REWRITES)
@given(query=st.text(min_size=1, max_size=80).filter(str.strip))
def test_what_is_searched_is_never_empty(name, query):
    rewrite = build(name).rewrite
    assert rewrite(evidence(QUERY), RiskProfile(), SEEDED) == QUERY, "an ordinary question is left alone"
    assert rewrite(evidence(query), RiskProfile(), SEEDED).strip()


@pytest.mark.parametrize("name", FRAMES)
@given(documents=st.lists(st.text(max_size=40), max_size=4))
def test_as_many_documents_come_out_of_a_frame_as_went_in(name, documents):
    framed = build(name).frame(documents, Request("q", time=0.0), SEEDED)
    assert len(framed.documents) == len(documents)
    # What is said of documents is said where there are some; what is said of the task, always.
    assert bool(framed.system) is (bool(documents) or name in ("safe_redirect", "self_reminder"))
