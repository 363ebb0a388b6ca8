"""Does a candidate hold tokens that no language model would put there? Model-based, and off unless a model is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentinel.errors import ConfigurationError
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

LOWEST = 5
"""Tokens that count: GMTP's M."""
MOST_TOKENS = 64
"""Tokens of a candidate that are masked, evenly spread over the first `LONGEST` of it."""
LONGEST = 256


class MaskedToken(Signal):
    """Surprise of the least expected tokens of a candidate under a masked language model, in nats.

    GMTP's test (arXiv 2507.18202) masks tokens one by one and takes the mean probability of the lowest five: tokens
    found by gradient do not fit their surroundings. GMTP masks those with the largest gradient of the similarity, which
    takes a retriever's weights; here tokens are masked whatever their gradient, so that any retriever will do. Given as
    -log of that mean, so that higher is more suspicious.

    Args:
        model: A `transformers` model for masked language modelling; without one the signal is missing.
        tokenizer: Its tokenizer.

    Raises:
        ConfigurationError: One without the other, or a tokenizer without a mask token.
    """

    manifest = SignalManifest(
        name="masked_token",
        summary="surprise of the least expected tokens of a candidate under a masked language model",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.MODEL}),
        per_candidate=True,
        cost=Cost.MODEL_CALL,
        source="after GMTP, arXiv 2507.18202",
    )

    def __init__(self, model: Any = None, tokenizer: Any = None) -> None:
        if (model is None) != (tokenizer is None):
            raise ConfigurationError("masked_token needs a model and its tokenizer, or neither")
        if tokenizer is not None and tokenizer.mask_token_id is None:
            raise ConfigurationError("masked_token needs a tokenizer with a mask token")
        self._model, self._tokenizer = model, tokenizer

    def measure(self, evidence: Evidence) -> Measurement:
        """Nats, shape (n,), NaN for a text of fewer tokens than count; None without a model."""
        if self._model is None:
            return None
        known: dict[str, float] = {}
        for candidate in evidence.candidates:
            if candidate.text not in known:
                known[candidate.text] = self._surprise(candidate.text)
        return np.array([known[c.text] for c in evidence.candidates], dtype=np.float64)

    def _surprise(self, text: str) -> float:
        import torch

        encoded = self._tokenizer(text[: LONGEST * 40], truncation=True, max_length=LONGEST, return_tensors="pt")
        ids = encoded["input_ids"][0]
        special = self._tokenizer.get_special_tokens_mask(ids.tolist(), already_has_special_tokens=True)
        places = [i for i, s in enumerate(special) if not s]
        if len(places) < LOWEST:
            return float("nan")
        chosen = sorted({places[int(i)] for i in np.linspace(0, len(places) - 1, MOST_TOKENS)})
        rows = torch.arange(len(chosen))
        masked = ids.repeat(len(chosen), 1)
        masked[rows, torch.tensor(chosen)] = self._tokenizer.mask_token_id
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            logits = self._model(input_ids=masked.to(device)).logits[rows, torch.tensor(chosen)].float().cpu()
        chance = logits.softmax(dim=-1)[rows, ids[chosen]]
        return float(-torch.log(torch.sort(chance).values[:LOWEST].mean().clamp_min(1e-12)))

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how little the tokens fit."""
        return f"a document holds tokens that a language model gives a chance of {np.exp(-peak(measurement)):.1e}"
