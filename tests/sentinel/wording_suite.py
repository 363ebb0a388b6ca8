"""What a signal of wording promises; its test file subclasses the suite and says what is wording of that kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from sentinel.signals import Signal
from tests.builders import evidence


class WordingSuite:
    """Found however it is disguised and wherever it stands, and not where it is not."""

    signal: ClassVar[Signal]
    found: ClassVar[tuple[str, ...]]
    """Queries of that wording."""
    ordinary: ClassVar[tuple[str, ...]]
    """Questions that share words with them."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test takes the subclass's own queries one by one, by the name of their list."""
        for name in {"found", "ordinary"} & set(metafunc.fixturenames):
            metafunc.parametrize(name, getattr(self, name))

    def value(self, query: str) -> float | None:
        """What the signal measures of a query."""
        measured = self.signal.measure(evidence(query))
        assert measured is None or isinstance(measured, float | int)
        return measured

    def test_such_wording_is_found(self, found: str) -> None:
        value = self.value(found)
        assert value is not None
        assert value >= 0.4

    @pytest.mark.parametrize("disguise", [str.upper, lambda q: q.replace("o", "о").replace("e", "е"), "\u200b".join])
    def test_disguise_hides_nothing(self, found: str, disguise: Callable[[str], str]) -> None:
        assert self.value(disguise(found)) == pytest.approx(self.value(found))

    def test_ordinary_questions_are_not_accused(self, ordinary: str) -> None:
        assert self.value(ordinary) == 0

    @pytest.mark.parametrize(
        "query", ["Wie hoch ist die Dosis bei Kindern?", "東京の人口は", "vitamin d deficiency", "?!"]
    )
    def test_other_languages_and_keywords_are_missing(self, query: str) -> None:
        assert self.value(query) is None

    def test_a_megabyte_is_read_to_its_end(self) -> None:
        last = self.found[0]
        assert self.value("word " * 190_000 + last) == pytest.approx(self.value(last))
