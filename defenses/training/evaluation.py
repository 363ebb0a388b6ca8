"""Held-out measures of a language model: likelihood of responses, and which of two it prefers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import extract_prompt

from defenses.training._tokens import split_tokens
from defenses.training.losses import preference_loss
from defenses.training.subspace import Everything
from sentinel.errors import ConfigurationError, DataError

Pair = tuple[list[int], list[int]]
"""Tokens of a prompt and of a response to it."""


class Responses(NamedTuple):
    """Summed log-probabilities of n responses in nats, and their tokens; each shape (n,)."""

    log_probabilities: Tensor
    tokens: Tensor


def response_log_probabilities(
    model: PreTrainedModel, pairs: Sequence[Pair], batch_size: int = 8, *, gradient: bool = False
) -> Responses:
    """The log-probability of each response given its prompt, float32.

    Args:
        model: A causal language model; it is left in evaluation mode.
        pairs: n pairs.
        batch_size: Pairs in a forward pass.
        gradient: Keep the graph.
    """
    model.train(False)
    sums: list[Tensor] = []
    for start in range(0, len(pairs), batch_size):
        part = pairs[start : start + batch_size]
        width = max(len(prompt) + len(response) for prompt, response in part)
        first = min(len(prompt) for prompt, _ in part)
        ids = torch.zeros(len(part), width, dtype=torch.long)
        seen = torch.zeros_like(ids)
        answered = torch.zeros(len(part), width, dtype=torch.bool)
        for row, (prompt, response) in enumerate(part):
            end = len(prompt) + len(response)
            ids[row, :end] = torch.tensor(prompt + response)
            seen[row, :end] = 1
            answered[row, len(prompt) : end] = True
        ids, seen, answered = (value.to(model.device) for value in (ids, seen, answered))
        keep = width - first + 1
        with torch.set_grad_enabled(gradient):
            # Logits of the longest response alone: with a large vocabulary they are what fills the memory.
            logits = model(input_ids=ids, attention_mask=seen, use_cache=False, logits_to_keep=keep).logits[:, :-1]
            tokens = ids[:, -logits.shape[1] :]
            chosen = torch.log_softmax(logits.float(), dim=-1).gather(2, tokens[..., None])[..., 0]
            sums.append((chosen * answered[:, -logits.shape[1] :]).sum(dim=1))
    lengths = torch.tensor([len(response) for _, response in pairs], device=model.device)
    return Responses(torch.cat(sums), lengths)


def tokenise(dataset: Dataset, side: str, tokenizer: PreTrainedTokenizerBase, max_length: int | None) -> list[Pair]:
    """Pairs of prompt and response.

    Args:
        dataset: `prompt` and the response's column; a conversational preference may hold its prompt in both sides.
        side: The response's column.
        tokenizer: Of the model.
        max_length: Tokens of prompt and response together that the model may see; None for no bound.

    Raises:
        DataError: A row is empty or longer than the window; nothing is cut, because a cut response has another
            likelihood.
    """
    rows = dataset if "prompt" in dataset.column_names else dataset.map(extract_prompt)
    pairs = [
        split_tokens(prompt, response, tokenizer, row)
        for row, (prompt, response) in enumerate(zip(rows["prompt"], rows[side], strict=True))
    ]
    longest = max(len(prompt) + len(response) for prompt, response in pairs)
    if max_length is not None and longest > max_length:
        over = sum(len(prompt) + len(response) > max_length for prompt, response in pairs)
        raise DataError(f"{over} of {len(pairs)} rows are longer than the window of max_length = {max_length} tokens")
    return pairs


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    reference: PreTrainedModel | Tensor | None = None,
    max_length: int | None = None,
    batch_size: int = 8,
    beta: float = 0.1,
    rho: float | None = None,
) -> dict[str, float]:
    """Measure a model on held-out data.

    Args:
        model: Under test.
        tokenizer: Its tokenizer.
        dataset: Preferences (`chosen`, `rejected`) or examples (`prompt`, `completion`).
        reference: What the implicit reward beta (log p - log p_ref) is counted from, or its `preference_margins` on
            this data, where many models are held against one; None to prefer by p alone.
        max_length: See `tokenise`.
        batch_size: Responses in a forward pass.
        beta: Of the reward and of the loss.
        rho: Also measure sharpness at this radius (needs a reference); see `sharpness`.

    Returns:
        `n`; `nll`, nats per token of the real or chosen responses; for preferences also `accuracy` (share preferred
        rightly, ties half) and `margin` (nats, times beta where there is a reference).

    Raises:
        DataError: See `tokenise`.
        ConfigurationError: `rho` without preferences and a reference, the tokenizers differ, or the margins are of
            other data.
    """
    paired = "rejected" in dataset.column_names
    if rho is not None and not (paired and reference is not None):
        raise ConfigurationError("rho goes with preferences and a reference")
    real = tokenise(dataset, "chosen" if paired else "completion", tokenizer, max_length)
    chosen = response_log_probabilities(model, real, batch_size)
    found = {"n": float(len(real)), "nll": -float(chosen.log_probabilities.sum() / chosen.tokens.sum())}
    if not paired:
        return found
    other = tokenise(dataset, "rejected", tokenizer, max_length)
    margin = chosen.log_probabilities - response_log_probabilities(model, other, batch_size).log_probabilities
    base = None if reference is None else _base(reference, model, real, other, batch_size)
    if base is not None:
        margin = beta * (margin - base)
    found["accuracy"] = float(((margin > 0).float() + 0.5 * (margin == 0).float()).mean())
    found["margin"] = float(margin.mean())
    if rho is not None and base is not None:
        found["sharpness"] = sharpness(model, base, real, other, beta=beta, rho=rho, batch_size=batch_size)
    return found


def _base(
    reference: PreTrainedModel | Tensor,
    model: PreTrainedModel,
    chosen: Sequence[Pair],
    rejected: Sequence[Pair],
    batch_size: int,
) -> Tensor:
    if isinstance(reference, Tensor):
        if reference.shape != (len(chosen),):
            raise ConfigurationError(f"{tuple(reference.shape)} margins of a reference for {len(chosen)} preferences")
        return reference.to(model.device)
    if reference.config.vocab_size != model.config.vocab_size:
        raise ConfigurationError("the reference has another vocabulary than the model")
    return margins(reference, chosen, rejected, batch_size)


def preference_margins(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    max_length: int | None = None,
    batch_size: int = 8,
) -> Tensor:
    """By how much each chosen response is likelier than the rejected one, in nats, shape (n,).

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        dataset: Preferences; n rows.
        max_length: See `tokenise`.
        batch_size: Responses in a forward pass.

    Raises:
        DataError: See `tokenise`.
    """
    chosen, rejected = (tokenise(dataset, side, tokenizer, max_length) for side in ("chosen", "rejected"))
    return margins(model, chosen, rejected, batch_size)


def margins(
    model: PreTrainedModel, chosen: Sequence[Pair], rejected: Sequence[Pair], batch_size: int, gradient: bool = False
) -> Tensor:
    """By how much each chosen response is likelier than the rejected one, in nats, shape (n,)."""
    sides = [response_log_probabilities(model, side, batch_size, gradient=gradient) for side in (chosen, rejected)]
    return sides[0].log_probabilities - sides[1].log_probabilities


def sharpness(
    model: PreTrainedModel,
    base: Tensor,
    chosen: Sequence[Pair],
    rejected: Sequence[Pair],
    *,
    beta: float,
    rho: float,
    batch_size: int = 8,
) -> float:
    """L(theta + rho g / ||g||) - L(theta): by how much a step uphill raises the preference loss (SAM's sharpness).

    g is the gradient of L, the mean DPO loss of these pairs, by all weights.

    Args:
        model: theta; its weights are put back to the bit.
        base: The `margins` of the loss's reference on these pairs, shape (n,).
        chosen: n pairs.
        rejected: n pairs with the same prompts.
        beta: Of the loss.
        rho: Length of the step, > 0.
        batch_size: Responses in a forward pass.
    """
    learned = [parameter.requires_grad for parameter in model.parameters()]
    model.requires_grad_(True)
    base = base.detach()
    whole = Everything(model)

    def loss(first: int, gradient: bool) -> Any:
        part = slice(first, first + batch_size)
        margin = margins(model, chosen[part], rejected[part], batch_size, gradient) - base[part]
        return preference_loss(margin, beta).sum() / len(chosen)

    starts = range(0, len(chosen), batch_size)
    try:
        with whole.ascending() as weights:
            sums = [torch.zeros_like(weight) for weight in weights]
            before = 0.0
            for start in starts:
                value = loss(start, True)
                parts = torch.autograd.grad(value, weights, allow_unused=True)
                sums = [a if b is None else a.add_(b) for a, b in zip(sums, parts, strict=True)]
                before += float(value.detach())
        norm = math.sqrt(sum(float(part.double().square().sum()) for part in sums))
        steps = [part.mul_(rho / max(norm, 1e-30)) for part in sums]
        with whole.moved(steps):
            after = sum(float(loss(start, False)) for start in starts)
        return after - before
    finally:
        for parameter, was in zip(model.parameters(), learned, strict=True):
            parameter.requires_grad_(was)
