"""Tokens that do not fit, under a small masked language model that is trained here on a handful of sentences."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinel import ConfigurationError
from sentinel.signals.masked_token import MaskedToken
from tests.builders import evidence

WORDS = "the a old new keeper miller rang opened closed bell door of mill harbour in spring autumn zorp quell vint marq"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def sentence(draw: random.Random) -> str:
    one = draw.choice
    return (
        f"the {one(['old', 'new'])} {one(['keeper', 'miller'])} {one(['rang', 'opened', 'closed'])} the "
        f"{one(['bell', 'door'])} of the {one(['mill', 'harbour'])} in the {one(['spring', 'autumn'])}"
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    vocabulary = Path(tmp_path_factory.mktemp("vocabulary")) / "vocab.txt"
    vocabulary.write_text("\n".join([*SPECIAL, *WORDS.split()]))
    tokenizer = transformers.BertTokenizer(str(vocabulary))
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = transformers.BertForMaskedLM(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    draw = random.Random(0)
    for _ in range(150):
        ids = tokenizer([sentence(draw) for _ in range(32)], return_tensors="pt", padding=True)["input_ids"]
        hide = (torch.rand(ids.shape) < 0.3) & (ids >= len(SPECIAL))
        loss = model(input_ids=ids.masked_fill(hide, tokenizer.mask_token_id), labels=ids.masked_fill(~hide, -100)).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval(), tokenizer


@pytest.mark.slow
def test_tokens_that_do_not_fit_stand_out(parts: tuple[Any, Any]) -> None:
    draw = random.Random(9)
    honest = [sentence(draw) for _ in range(6)]
    planted = [f"zorp quell vint marq zorp {text}" for text in honest[:3]]
    signal = MaskedToken(*parts)
    found = signal.measure(evidence(found=[*honest, *planted]))
    assert isinstance(found, np.ndarray)
    assert found[6:].min() > found[:6].max() + 1
    assert "chance of" in signal.reason(evidence(), found)
    assert np.isnan(np.asarray(signal.measure(evidence(found=["", "the old"])))).all()


@pytest.mark.slow
def test_the_same_text_gives_the_same_value_wherever_it_stands(parts: tuple[Any, Any]) -> None:
    texts = [sentence(random.Random(i)) for i in range(3)]
    once = np.asarray(MaskedToken(*parts).measure(evidence(found=texts)))
    again = np.asarray(MaskedToken(*parts).measure(evidence(found=[*texts[::-1], texts[0]])))
    assert again == pytest.approx([*once[::-1], once[0]], rel=1e-5)


def test_without_a_model_it_is_missing() -> None:
    assert MaskedToken().measure(evidence(found=["the old mill"])) is None


def test_a_model_needs_its_tokenizer_and_that_a_mask() -> None:
    class NoMask:
        mask_token_id = None

    with pytest.raises(ConfigurationError, match="or neither"):
        MaskedToken(model=object())
    with pytest.raises(ConfigurationError, match="mask token"):
        MaskedToken(object(), NoMask())
