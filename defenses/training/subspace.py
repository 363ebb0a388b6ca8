"""Where ShaPO perturbs: chosen columns of MLP down-projections, the output projection, or everything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from sentinel.errors import ConfigurationError

_VALUE_MODULES = ("down_proj", "dense_4h_to_h", "mlp.c_proj", "fc2")
"""What Llama, Qwen, Gemma and Mistral, NeoX, GPT-2, and OPT and Phi call the MLP's second projection."""


def value_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The MLP down-projections of a model by name, adapters around them left aside.

    Raises:
        ConfigurationError: The architecture has none that are plain linear layers (mixture of experts, quantised).
    """
    found = {
        name: module
        for name, module in model.named_modules()
        if name.removesuffix(".base_layer").endswith(_VALUE_MODULES) and type(module) in (nn.Linear, Conv1D)
    }
    if not found:
        raise ConfigurationError(
            f"{type(model).__name__} has no MLP down-projection among {', '.join(_VALUE_MODULES)} that is a plain "
            "linear layer; use subspace = 'all' or 'lm_head'"
        )
    return found


def value_vectors(module: nn.Module) -> Tensor:
    """What each neuron of an MLP writes: columns of the down-projection as rows, shape (d_ff, hidden), float32."""
    weight = _weight(module).detach()
    return (weight if isinstance(module, Conv1D) else weight.T).float()


def probe_direction(chosen: NDArray[np.float32], rejected: NDArray[np.float32]) -> NDArray[np.float64]:
    """Unit vector from chosen to rejected: the normal of a logistic regression on standardised features.

    Args:
        chosen: Mean-pooled last hidden states, shape (n, hidden).
        rejected: The same of rejected responses, shape (n, hidden).
    """
    features = np.concatenate([chosen, rejected]).astype(np.float64)
    labels = np.repeat([0, 1], [len(chosen), len(rejected)])
    spread = np.maximum(features.std(axis=0), 1e-12)
    probe = LogisticRegression(max_iter=1000).fit((features - features.mean(axis=0)) / spread, labels)
    direction: NDArray[np.float64] = probe.coef_[0] / spread
    return direction / max(float(np.linalg.norm(direction)), 1e-300)


def lowest(scores: Sequence[Tensor], percentage: float) -> list[Tensor]:
    """The columns of lowest score over all layers together.

    Args:
        scores: Of each layer, shape (d_ff,).
        percentage: Share of all columns, in (0, 100]; floor(total * percentage / 100) are taken.

    Returns:
        For each layer the chosen columns, rising, int64, shape (n,); n may be 0.

    Raises:
        ConfigurationError: The share is less than one column.
    """
    joined = torch.cat([score.detach().double().cpu() for score in scores])
    count = int(len(joined) * percentage / 100.0 + 1e-9)
    if count == 0:
        raise ConfigurationError(f"percentage = {percentage}: less than one of {len(joined)} value vectors")
    chosen = torch.zeros(len(joined), dtype=torch.bool)
    chosen[torch.argsort(joined, stable=True)[:count]] = True
    return [part.nonzero().flatten() for part in torch.split(chosen, [len(score) for score in scores])]


class Subspace(ABC):
    """A set of weights in which to step away from where the model stands, and back."""

    @abstractmethod
    def ascending(self) -> AbstractContextManager[list[Tensor]]:
        """Within it, the gradient of a loss by the yielded tensors is its gradient by the subspace."""

    @abstractmethod
    def moved(self, steps: Sequence[Tensor]) -> AbstractContextManager[None]:
        """Within it, the model computes as if `steps` had been added; after it, also after a raise, as before."""


class _Added(Subspace):
    """A subspace whose steps are added in the forward pass. No weight is touched, so none has to be restored."""

    @abstractmethod
    def zeros(self) -> list[Tensor]:
        """A step of nothing, float32."""

    @abstractmethod
    def attached(self, steps: Sequence[Tensor]) -> AbstractContextManager[None]:
        """Within it, `steps` take part in the forward pass."""

    @contextmanager
    def ascending(self) -> Iterator[list[Tensor]]:
        steps = [step.requires_grad_() for step in self.zeros()]
        with self.attached(steps):
            yield steps

    @contextmanager
    def moved(self, steps: Sequence[Tensor]) -> Iterator[None]:
        with self.attached(steps):
            yield


class Columns(_Added):
    """Columns of down-projections: W x + eps x[columns] is (W + eps) x, in float32 and whatever the base's type.

    In bfloat16 a weight rounds away a perturbation of less than half its last digit; a sum of activations does not.

    Args:
        modules: Down-projections by name.
        columns: For each of them, in the same order, which columns, int64, shape (n,).
    """

    def __init__(self, modules: Mapping[str, nn.Module], columns: Sequence[Tensor]) -> None:
        self.columns = {name: chosen for name, chosen in zip(modules, columns, strict=True) if len(chosen)}
        self._modules = {name: modules[name] for name in self.columns}

    def zeros(self) -> list[Tensor]:
        """A step of nothing, one per layer, shape (hidden, n)."""
        return [
            torch.zeros(_hidden(module), len(self.columns[name]), device=_weight(module).device)
            for name, module in self._modules.items()
        ]

    @contextmanager
    def attached(self, steps: Sequence[Tensor]) -> Iterator[None]:
        """Within it, `steps` take part in the forward pass."""
        with ExitStack() as stack:
            for (name, module), step in zip(self._modules.items(), steps, strict=True):
                hook = _adding(self.columns[name].to(step.device), step)
                stack.callback(module.register_forward_hook(hook).remove)
            yield


def _weight(module: nn.Module) -> Tensor:
    weight: Tensor = module.weight  # type: ignore[assignment]
    return weight


def _hidden(module: nn.Module) -> int:
    return int(_weight(module).shape[1 if isinstance(module, Conv1D) else 0])


def _adding(columns: Tensor, step: Tensor) -> Any:
    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        chosen = inputs[0][..., columns]
        return output + F.linear(chosen, step.to(chosen.dtype)).to(output.dtype)

    return hook


class Head(_Added):
    """The output projection alone (logits-SAM, arXiv 2603.18258), also where the input embeddings share its weight.

    Args:
        owner: The causal language model, patched by `trl.trainer.utils.add_fused_lm_head`, which asks for its
            output projection at each forward pass.
    """

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def zeros(self) -> list[Tensor]:
        """A step of nothing, shape (vocabulary, hidden)."""
        return [torch.zeros_like(self._owner.get_output_embeddings().weight, dtype=torch.float32)]

    @contextmanager
    def attached(self, steps: Sequence[Tensor]) -> Iterator[None]:
        """Within it, `steps` take part in the forward pass."""
        head = self._owner.get_output_embeddings()
        weight = head.weight + steps[0].to(head.weight.dtype)
        self._owner.get_output_embeddings = lambda: SimpleNamespace(weight=weight, bias=head.bias)
        try:
            yield
        finally:
            del self._owner.get_output_embeddings


class Everything(Subspace):
    """Every trainable parameter (SAM, Foret et al., 2021); with adapters those alone.

    Restored from copies: subtracting what was added would drift by a rounding at each step.
    """

    def __init__(self, model: nn.Module) -> None:
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    @contextmanager
    def ascending(self) -> Iterator[list[Tensor]]:
        """Within it, gradients are taken by the parameters themselves."""
        yield list(self._parameters)

    @contextmanager
    def moved(self, steps: Sequence[Tensor]) -> Iterator[None]:
        """Within it, `steps` are added to the parameters."""
        copies = [parameter.detach().clone() for parameter in self._parameters]
        try:
            with torch.no_grad():
                for parameter, step in zip(self._parameters, steps, strict=True):
                    parameter.add_(step.to(parameter.dtype))
            yield
        finally:
            with torch.no_grad():
                for parameter, saved in zip(self._parameters, copies, strict=True):
                    parameter.copy_(saved)
