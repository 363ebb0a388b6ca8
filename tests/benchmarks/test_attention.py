"""`sentinel-bench attention`: clean questions of the fit part set the threshold, and what cannot be read is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import cli
from benchmarks.attacks.benign import Benign
from benchmarks.attention import Threshold, threshold
from benchmarks.data import load
from benchmarks.splits import split
from defenses import AttentiveGenerator, Prompt
from defenses.generation.attention_filter import ROUNDING
from sentinel.errors import ConfigurationError, DataError
from strategist.generators import TransformersGenerator
from tests.benchmarks.datasets import BagOfWords
from tests.benchmarks.gullible import Gullible
from tests.strategist.tiny_generators import SHAPE, build


class Looks(Gullible):
    """Looks at the first document so much the more, the longer the question is."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[Prompt] = []

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        raise NotImplementedError

    def next_token_probabilities(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Any:
        raise NotImplementedError

    def document_attention(
        self, prompts: Sequence[Prompt], *, max_tokens: int | None = None
    ) -> list[tuple[str, list[NDArray[np.float32]]]]:
        self.prompts += prompts
        return [
            ("", [np.float32([self.weight(prompt) if place == 0 else 1.0]) for place in range(len(prompt.documents))])
            for prompt in prompts
        ]

    @staticmethod
    def weight(prompt: Prompt) -> float:
        return float(len(prompt.user))


def test_the_threshold_is_a_quantile_of_clean_questions_of_the_fit_part() -> None:
    data, generator = load("bundled"), Looks()
    assert isinstance(generator, AttentiveGenerator)
    found = threshold(generator, data, BagOfWords(), quantile=0.5, k=3, limit=9)
    assert (found.prompts, found.k, found.generator) == (9, 3, "gullible")
    assert {len(prompt.documents) for prompt in generator.prompts} == {3}
    shares = [np.array([Looks.weight(prompt), 1.0, 1.0]) for prompt in generator.prompts]
    variances = sorted(float(np.var(100 * share / share.sum())) for share in shares)
    assert found.value == pytest.approx(variances[4] * (1 + ROUNDING)), "the fifth of nine"
    sessions = Benign().sessions(data, 0)
    parts = split(sessions, 0, "benign")
    fit = {ask.query for session in sessions if parts[session.id] == "fit" for ask in session.asks}
    assert all(any(query in prompt.user for query in fit) for prompt in generator.prompts)


def test_what_is_impossible_is_said() -> None:
    data = load("bundled")
    with pytest.raises(ConfigurationError, match="gullible: its attention cannot be read; give a transformers model"):
        threshold(Gullible(), data, BagOfWords())
    with pytest.raises(DataError, match=r"bundled: 5 clean prompts are too few for the quantile 0\.95: 19 are needed"):
        threshold(Looks(), data, BagOfWords(), limit=5)
    with pytest.raises(ConfigurationError, match="quantile"):
        threshold(Looks(), data, BagOfWords(), quantile=1.0)


def test_it_says_how_it_is_used() -> None:
    text = " ".join(Threshold(31.41, 0.95, 40, 5, "tiny").told())
    assert "threshold 31.5 for tiny over 5 documents, from 40 clean prompts" in text
    assert "--generation 'attention_filter threshold=31.5'" in text
    assert "at most 0.05" in text


@pytest.mark.slow
def test_the_command_line_on_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SHAPE, "max_position_embeddings", 8192)  # it reads bytes
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("strategist.embeddings.load_embeddings", lambda _: BagOfWords())
    monkeypatch.setattr(cli, "out", Console(width=200))
    folder = build(tmp_path / "model")
    assert isinstance(TransformersGenerator(folder), AttentiveGenerator)
    arguments = ["sentinel-bench", "attention", "--generator", str(folder), "--k", "2", "--limit", "3"]
    monkeypatch.setattr("sys.argv", [*arguments, "--quantile", "0.5"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code in (0, None)
    assert "from 3 clean prompts" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
