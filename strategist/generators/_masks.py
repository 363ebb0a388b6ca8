"""Attention masks made by hand, in the form in which each transformers model takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strategist.generators._prompts import OUTSIDE

FULL, SLIDING = "full_attention", "sliding_attention"


def isolating(documents: NDArray[np.int64], first: int = 0) -> NDArray[np.bool_]:
    """Who may attend to whom: causally, and never from one document to another (arXiv 2602.04711).

    Args:
        documents: The document of each token, or `OUTSIDE`; shape (tokens,).
        first: The first token that asks; those before it are in the cache.

    Returns:
        Shape (tokens - first, tokens): row i is token `first + i`, True where it may attend.
    """
    place = np.arange(len(documents))
    asking, asked = documents[first:, None], documents[None, :]
    apart = (asking != asked) & (asking != OUTSIDE) & (asked != OUTSIDE)
    allowed: NDArray[np.bool_] = (place[None, :] <= place[first:, None]) & ~apart
    return allowed


def layer_types(config: Any) -> tuple[str, ...]:
    """The kinds of attention that a model's layers have, each once."""
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = [SLIDING if getattr(config, "sliding_window", None) else FULL]
    return tuple(sorted(set(kinds)))


def as_model_takes(allowed: NDArray[np.bool_], config: Any, dtype: torch.dtype, device: Any) -> Any:
    """A mask for one prompt, of shape (1, 1, asking, asked), or one of them for each kind of layer.

    Args:
        allowed: True where a token may attend; shape (asking, asked), the last row being the last token.
        config: The model's text configuration; its layers are of full and sliding attention only.
        dtype: What the model calculates in.
        device: Where the mask is wanted.
    """
    place = np.arange(allowed.shape[1])
    masks = {}
    for kind in layer_types(config):
        mask = allowed
        if kind == SLIDING:
            mask = allowed & (place[None, :] > place[-len(allowed) :, None] - int(config.sliding_window))
        tensor = torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(device)
        if config._attn_implementation == "eager":  # it adds the mask; the others take truth values
            tensor = torch.zeros(tensor.shape, dtype=dtype, device=device).masked_fill(~tensor, torch.finfo(dtype).min)
        masks[kind] = tensor
    # Models that tell their layers apart take a mask for each kind; all others one for all layers.
    return masks if getattr(config, "layer_types", None) and SLIDING in masks else next(iter(masks.values()))
