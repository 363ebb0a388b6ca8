"""IRIS: one iteration of self-play fine-tuning on tilted risks of real and of the model's own responses."""

from __future__ import annotations

import math
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from defenses.training._log_ratio_trainer import Batch, LogProbabilities, LogRatioTrainer
from defenses.training.iris_config import IRISConfig
from defenses.training.losses import effective_sample_size, exponents, iris_loss, tilt_weights
from sentinel.errors import ComponentError


class IRISTrainer(LogRatioTrainer):
    """min over theta of -1/(alpha-1) log E_data[e^((alpha-1) r)] + 1/alpha log E_old[e^(alpha r)].

    r = beta * (log p_theta - log p_old), and p_old is the model that training starts from, whose own responses are
    the `rejected` ones. Both expectations are taken over the whole optimiser step: all ranks, and all accumulated
    micro-batches, for which one forward pass without gradient is made first. `self_play` runs the iterations.

    Args:
        model: A causal language model, or its path: p_old, and where theta starts.
        ref_model: p_old where it is not the model as given.
        args: Parameters.
        train_dataset: `prompt`, `chosen` (real), `rejected` (synthetic) in TRL's formats, or, exact to the token,
            `prompt_ids`, `chosen_ids`, `rejected_ids`.
        **given: See `trl.DPOTrainer`.

    Raises:
        DataError: Responses are empty, one-sided, or longer than the window.
        ComponentError: A reference log-probability is not finite.
    """

    args: IRISConfig

    def __init__(
        self,
        model: PreTrainedModel | str,
        ref_model: PreTrainedModel | None = None,
        args: IRISConfig | None = None,
        *,
        train_dataset: Dataset | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        **given: Any,
    ) -> None:
        args = IRISConfig() if args is None else args
        super().__init__(
            model, ref_model, args, train_dataset=train_dataset, processing_class=processing_class, **given
        )
        self.gap = self._gap() if args.precompute_ref_log_probs else 0.0
        """Nats per token by which the starting model finds real responses less likely than its own."""
        self.alpha = args.scheduled_alpha(self.gap)
        """The order of this iteration."""

    def _gap(self) -> float:
        totals = {}
        for side in ("chosen", "rejected"):
            log_probability = sum(self.train_dataset[f"ref_{side}_logps"])
            tokens = sum(
                len(ids) if self.args.max_length is None else min(len(ids), self.args.max_length - len(prompt))
                for ids, prompt in zip(self.train_dataset[f"{side}_ids"], self.train_dataset["prompt_ids"], strict=True)
            )
            totals[side] = -log_probability / tokens
        gap = float(totals["chosen"] - totals["rejected"])
        if not math.isfinite(gap):
            raise ComponentError("IRISTrainer", "a reference log-probability is not finite; nothing was trained")
        return gap

    def _is_own(self) -> bool:
        return self.args.objective == "iris"

    def _needs_pools(self) -> bool:
        return self._is_own()

    def _ratios(self, policy: LogProbabilities, inputs: Batch) -> tuple[Tensor, Tensor]:
        """The log-ratios of real and of synthetic responses, each shape (n,)."""
        real = self.beta * (policy.chosen - inputs["ref_chosen_logps"])
        synthetic = self.beta * (policy.rejected - inputs["ref_rejected_logps"])
        if not self.args.length_normalised:
            return real, synthetic
        return real / policy.chosen_tokens.clamp(min=1), synthetic / policy.rejected_tokens.clamp(min=1)

    def _pooled_values(self, model: nn.Module, inputs: Batch) -> tuple[Tensor, ...]:
        return self._ratios(self._log_probabilities(model, inputs), inputs)

    def _own_loss(self, model: nn.Module, inputs: Batch) -> Tensor:
        policy = self._log_probabilities(model, inputs)
        real, synthetic = self._ratios(policy, inputs)
        (real_pool, synthetic_pool), copies = self._pool((real, synthetic))
        clamp = self.args.exponent_clamp
        self._record_rewards(policy, inputs)
        self._record(
            iris__alpha=self.alpha,
            iris__pool=float(len(real_pool)),
            iris__ess_real=effective_sample_size(tilt_weights(real_pool, self.alpha - 1.0, clamp)),
            iris__ess_synthetic=effective_sample_size(tilt_weights(synthetic_pool, self.alpha, clamp)),
            iris__clamped=_clamped(real_pool, synthetic_pool, self.alpha, clamp),
        )
        return iris_loss(real, synthetic, self.alpha, (real_pool, synthetic_pool), copies, clamp)


def _clamped(real: Tensor, synthetic: Tensor, alpha: float, clamp: float | None) -> float:
    """Share of exponents that the bound cuts."""
    both = [exponents(real, real, alpha - 1.0, None), exponents(synthetic, synthetic, alpha, None)]
    return 0.0 if clamp is None else float((torch.cat(both).abs() > clamp).float().mean())
