"""A scorer of answers that has seen noisy labels alone, for soft labels."""

from __future__ import annotations

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from defenses.training.evaluation import Pair, tokenise

FOLDS = 5
REGULARISATION = tuple(10.0**power for power in range(-5, 2))
"""Chosen among by likelihood on held-out noisy labels: with many wrong ones the strong ones win."""


def soft_labels(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, noisy: Dataset, batch_size: int = 8
) -> list[float]:
    """P(chosen is better) of each pair, by a logistic regression on the model's mean-pooled last hidden states.

    Cross-fitted: a pair's label comes from a regression that did not see the pair, since one that did would repeat
    its noise. Without intercept on differences, so that exchanging the sides gives 1 - p.

    Args:
        model: The model that training starts from.
        tokenizer: Its tokenizer.
        noisy: `prompt`, `chosen`, `rejected`, as they will be trained on; n rows, at least `FOLDS`.
        batch_size: Responses in a forward pass.

    Returns:
        n probabilities.
    """
    sides = [pooled(model, tokenise(noisy, side, tokenizer, None), batch_size) for side in ("chosen", "rejected")]
    differences = sides[0] - sides[1]
    # Not centred: a centred spread would depend on which sides were exchanged.
    spread = np.maximum(np.sqrt(np.square(differences).mean(axis=0)), 1e-9)
    differences = differences / spread
    found = np.full(len(noisy), 0.5)
    folds = np.arange(len(noisy)) % FOLDS
    for fold in range(FOLDS):
        seen = differences[folds != fold]
        # Every other pair the other way round: the loss is the same, and a classifier wants two classes.
        signs = np.where(np.arange(len(seen)) % 2 == 0, 1.0, -1.0)
        features, labels = seen * signs[:, None], signs > 0
        candidates = [LogisticRegression(C=c, fit_intercept=False, max_iter=1000) for c in REGULARISATION]
        scores = [
            cross_val_score(each, features, labels, cv=FOLDS, scoring="neg_log_loss").mean() for each in candidates
        ]
        fitted = candidates[int(np.argmax(scores))].fit(features, labels)
        found[folds == fold] = fitted.predict_proba(differences[folds == fold])[:, 1]
    return [float(value) for value in found]


def pooled(model: PreTrainedModel, pairs: list[Pair], batch_size: int) -> NDArray[np.float64]:
    """Mean of the last hidden states over each response's tokens, shape (n, hidden), float64."""
    model.train(False)
    rows = []
    for first in range(0, len(pairs), batch_size):
        part = pairs[first : first + batch_size]
        width = max(len(prompt) + len(response) for prompt, response in part)
        ids = torch.zeros(len(part), width, dtype=torch.long, device=model.device)
        answered = torch.zeros(len(part), width, device=model.device)
        seen = torch.zeros_like(ids)
        for row, (prompt, response) in enumerate(part):
            end = len(prompt) + len(response)
            ids[row, :end] = torch.tensor(prompt + response)
            seen[row, :end] = 1
            answered[row, len(prompt) : end] = 1.0
        with torch.no_grad():
            hidden = model.base_model(input_ids=ids, attention_mask=seen, use_cache=False).last_hidden_state
        means = (hidden.float() * answered[..., None]).sum(dim=1) / answered.sum(dim=1, keepdim=True)
        rows.append(means.double().cpu().numpy())
    return np.concatenate(rows)
