"""Linear layers in eight bits: what a processor multiplies faster than floats."""

from __future__ import annotations

from typing import Any

import torch

_LEVELS = 127.0
_SMALLEST = 1e-30
"""Below it a row is zero, and stays so."""


def _quantised(rows: Any) -> tuple[Any, Any]:
    """Whole numbers in [-127, 127] and the scale of each row, so that their product is the row but for rounding."""
    # Two passes over the row: `aminmax` and `abs().amax()` do it in one and take several times as long.
    largest = torch.maximum(rows.amax(-1, keepdim=True), rows.amin(-1, keepdim=True).neg_())
    scale = largest.clamp_min_(_SMALLEST).div_(_LEVELS)
    return torch.mul(rows, scale.reciprocal()).round_().to(torch.int8), scale


class Int8Linear(torch.nn.Module):
    """A linear layer whose weights have eight bits and a scale for each output; inputs get theirs token by token.

    It calculates (q_x q_w^T) * s_x * s_w + b with the product in whole numbers, exact in 32 bits: symmetric, dynamic
    quantisation per token and channel, the vector-wise part of LLM.int8() (arXiv 2208.07339) without its outliers.

    Args:
        linear: The layer it replaces; float32, of two inputs at least (torch multiplies a single column wrongly).
    """

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight, scale = _quantised(linear.weight.detach())
        self.register_buffer("weight", weight.t(), persistent=False)
        self.register_buffer("scale", scale[:, 0], persistent=False)
        self.bias = linear.bias

    def forward(self, values: Any) -> Any:
        """Outputs of shape (..., out), float32, for values of shape (..., in)."""
        numbers, scale = _quantised(values.reshape(-1, values.shape[-1]))
        product = torch._int_mm(numbers, self.weight).float().mul_(self.scale).mul_(scale)
        if self.bias is not None:
            product.add_(self.bias)
        return product.reshape(*values.shape[:-1], -1)


def quantise(model: Any, widest: int) -> int:
    """Put eight-bit layers in the place of a model's own, where that changes little.

    Left as they are: the output layer, which reads one token of a prompt and decides between near-ties; and layers
    that read more than `widest` values, which are those that lead a block's inner activations back. There a few values
    are tens of times the others, and eight bits for a token leave nothing of the rest.

    Args:
        model: A transformers model in float32, changed in place.
        widest: The width of the model between its blocks.

    Returns:
        How many layers were replaced.
    """
    output = model.get_output_embeddings()
    chosen = [
        (name, layer)
        for name, layer in model.named_modules()
        if type(layer) is torch.nn.Linear and layer is not output and 1 < layer.in_features <= widest
    ]
    for name, layer in chosen:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, Int8Linear(layer))
    return len(chosen)
