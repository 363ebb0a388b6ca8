"""What is known before anything is retrieved does not depend on what stands in the corpus.

Then P(threat) of the query stage tells a member from a non-member no better than chance, whatever the models: an
interrogation is played against a corpus that holds its target and one that does not.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import Evidence, Request, Sentinel
from sentinel.history import MemoryHistory
from tests.builders import candidates
from tests.sentinel.scanned import profile, prose

TARGET = prose(7001)
OTHERS = [prose(seed) for seed in range(7002, 7006)]
ASKED = (
    "Is the harbour in the north?",
    "Was the bridge built in 1803?",
    "Does the abbey overlook the lake?",
    "What is known of the railway?",
    "Was it built by Karaldx, who also built the library of Tersk?",
)


def played(questions: list[str], served: list[str]) -> list[dict[str, object]]:
    """The query stage's probabilities and signals, question by question, while these texts are served."""
    sentinel, history = Sentinel(corpus=profile()), MemoryHistory()
    found: list[dict[str, object]] = []
    for i, question in enumerate(questions):
        now = 60.0 * i
        evidence = Evidence(Request(question, 5, "c", time=now), None, (), profile(), history.load("c", now))
        early = sentinel.sense_query(evidence)
        found.append({**early.probabilities, **early.signals})
        history.record("c", evidence.with_candidates(candidates(served)).observation.served(5), now)
    return found


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*ASKED, TARGET[:120], "who or what is it"]), min_size=1, max_size=8))
def test_the_query_stage_is_the_same_with_the_target_served_and_without(questions: list[str]) -> None:
    assert played(questions, [TARGET, *OTHERS]) == played(questions, OTHERS)


def test_an_interrogation_is_suspected_all_the_same() -> None:
    found = played([ASKED[i % 3].replace("?", f" of {i}?") for i in range(8)], [TARGET, *OTHERS])
    series = [row["closed_series"] for row in found]
    assert series == sorted(series)  # type: ignore[type-var]
