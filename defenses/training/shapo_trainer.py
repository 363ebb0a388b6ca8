"""ShaPO: preference optimisation against the worst small change of the weights that alignment hangs on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from defenses.training import _preferences as preferences
from defenses.training._log_ratio_trainer import (
    Batch,
    LogProbabilities,
    LogRatioTrainer,
    refuse_quantised,
    refuse_sharding,
)
from defenses.training.losses import preference_loss, simpo_loss, tilted_risk
from defenses.training.shapo_config import ShaPOConfig
from defenses.training.subspace import (
    Columns,
    Everything,
    Head,
    Subspace,
    lowest,
    probe_direction,
    value_modules,
    value_vectors,
)


class Ascent(NamedTuple):
    """A perturbation: what is added to the subspace's weights, float32, and the loss where it was taken."""

    steps: list[Tensor]
    clean_loss: float


class ShaPOTrainer(LogRatioTrainer):
    """min over theta of max over eps in a subspace S, ||eps|| <= rho, of L(theta + eps) (ShaPO, arXiv 2602.07340).

    At every `interval`-th optimiser step the gradient is taken at theta + eps instead of theta, with eps along the
    gradient of the same loss restricted to S; all parameters are updated. S is chosen once, before training, from
    the weights that training starts from. Everything else is `trl.DPOTrainer`, its arguments and data formats too.

    Args:
        model: A causal language model, or its path.
        ref_model: The reference; None for the policy as it is given (with adapters: its base).
        args: Parameters.
        train_dataset: `prompt`, `chosen`, `rejected` in TRL's formats, and the column of soft labels if one is named.
        probe_dataset: Pairs by which the subspace is chosen, in the same format; None for the training data.
        **given: See `trl.DPOTrainer`.

    Raises:
        ConfigurationError: The base is quantised, parameters are sharded, or the architecture has no subspace of
            the wanted kind.
        DataError: Preferences are empty, one-sided, longer than the window, or their soft labels no probabilities.
    """

    args: ShaPOConfig

    def __init__(
        self,
        model: PreTrainedModel | str,
        ref_model: PreTrainedModel | None = None,
        args: ShaPOConfig | None = None,
        *,
        train_dataset: Dataset | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        probe_dataset: Dataset | None = None,
        **given: Any,
    ) -> None:
        args = ShaPOConfig() if args is None else args
        refuse_quantised(model, given.get("quantization_config"), "ShaPO")
        super().__init__(
            model, ref_model, args, train_dataset=train_dataset, processing_class=processing_class, **given
        )
        refuse_quantised(self.model, None, "ShaPO")
        refuse_sharding(self, "ShaPO")
        self.subspace: Subspace | None = None
        self.probe_accuracy: float | None = None
        """Share of held-out pairs whose sides the probe tells apart; None before training or without a probe."""
        self._ascent: Ascent | None = None
        self._probe_dataset = self.train_dataset
        if probe_dataset is not None:
            self._probe_dataset = self._prepare_dataset(probe_dataset, self.processing_class, args, "probe")
        column = args.soft_label_column
        if column is not None:
            old = self.data_collator
            self.data_collator = preferences.SoftLabelCollator(
                old.pad_token_id, old.max_length, old.truncation_mode, old.pad_to_multiple_of, column=column
            )

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Dataset:
        prepared = super()._prepare_dataset(dataset, processing_class, args, dataset_name)
        if args.soft_label_column is not None and dataset_name != "probe":
            preferences.check_soft_labels(prepared, args.soft_label_column, dataset_name)
        return prepared

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        column = self.args.soft_label_column
        if column is not None and column not in self._signature_columns:
            self._signature_columns.append(column)

    # The loss of unperturbed and perturbed weights alike.

    def _is_own(self) -> bool:
        return self.args.own_loss

    def _needs_pools(self) -> bool:
        # A perturbation of each micro-batch by itself leaves nothing that spans them.
        return self.args.aggregation == "dr_dpo" and self.args.perturb_over == "step"

    def _pair_losses(self, policy: LogProbabilities, inputs: Batch) -> Tensor:
        if self.args.loss_type == ["simpo"]:
            lengths = (policy.chosen_tokens.clamp(min=1), policy.rejected_tokens.clamp(min=1))
            means = (policy.chosen / lengths[0], policy.rejected / lengths[1])
            return simpo_loss(*means, self.beta, self.args.simpo_gamma)
        margin = (policy.chosen - inputs["ref_chosen_logps"]) - (policy.rejected - inputs["ref_rejected_logps"])
        target: Tensor | float = 1.0
        if self.args.soft_label_column is not None:
            target = inputs[preferences.SOFT_LABELS]
        elif self.args.loss_type == ["cdpo"]:
            target = 1.0 - self.args.label_smoothing
        return preference_loss(margin, self.beta, target)

    def _pooled_values(self, model: nn.Module, inputs: Batch) -> tuple[Tensor, ...]:
        return (self._pair_losses(self._log_probabilities(model, inputs), inputs),)

    def _own_loss(self, model: nn.Module, inputs: Batch) -> Tensor:
        policy = self._log_probabilities(model, inputs)
        losses = self._pair_losses(policy, inputs)
        self._record_rewards(policy, inputs)
        if self.args.aggregation == "mean":
            return losses.mean()
        (pool,), copies = self._pool((losses,))
        return tilted_risk(losses, -1.0 / self.args.mode_weight, pool, copies)

    # The perturbation.

    def _perturbs(self) -> bool:
        due = (self.state.global_step + 1) % self.args.interval == 0
        return due and (self.args.rho > 0.0 if self.args.perturbation == "rho" else self.args.gamma[1] > 0.0)

    def _begin_step(self, batches: Sequence[Batch]) -> None:
        super()._begin_step(batches)
        self._ascent = None
        if self._perturbs() and self.args.perturb_over == "step":
            self._ascent = self._ascend(batches)
            if self._ascent is not None and self._pools is not None:
                with self._moved(self._ascent):
                    self._pools = self._pools_of(batches)

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Any = None) -> Tensor:
        """One micro-batch forward and backward, at the perturbed weights where it is their turn."""
        ascent = self._ascent
        if self._perturbs() and self.args.perturb_over == "micro_batch":
            ascent = self._ascend([inputs])
        if ascent is None:
            plain: Tensor = super().training_step(model, inputs, num_items_in_batch)
            return plain
        with self._moved(ascent):
            loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        self._record(
            shapo__clean_loss=ascent.clean_loss,
            shapo__perturbed_loss=loss * self.current_gradient_accumulation_steps,
            shapo__perturbation_norm=_norm(ascent.steps),
        )
        return loss

    @contextmanager
    def _moved(self, ascent: Ascent) -> Iterator[None]:
        assert self.subspace is not None
        with self.subspace.moved(ascent.steps):
            yield

    def _ascend(self, batches: Sequence[Batch]) -> Ascent | None:
        """The perturbation from these micro-batches of all ranks; None where the gradient vanishes."""
        assert self.subspace is not None
        gradients, clean_loss = self._gradients(self.subspace, batches)
        norm = _norm(gradients)
        if norm == 0.0:
            return None
        factor = self.args.rho / norm if self.args.perturbation == "rho" else self._draw_gamma(batches)
        return Ascent([gradient * factor for gradient in gradients], clean_loss)

    def _gradients(self, subspace: Subspace, batches: Sequence[Batch]) -> tuple[list[Tensor], float]:
        """Gradient of the mean loss by the weights of a subspace, float32, over all ranks; `.grad` stays as it is."""
        sums: list[Tensor] = []
        total = 0.0
        for inputs in batches:
            with self._unrecorded(), subspace.ascending() as leaves, self.compute_loss_context_manager():
                loss = self.compute_loss(self.model, inputs)
                parts = torch.autograd.grad(loss, leaves, allow_unused=True)
            found = [torch.zeros_like(leaf) if part is None else part for part, leaf in zip(parts, leaves, strict=True)]
            sums = [a + b.float() for a, b in zip(sums, found, strict=True)] if sums else [b.float() for b in found]
            total += float(loss.detach())
        means = [self.accelerator.reduce(part / len(batches), reduction="mean") for part in sums]
        mean_loss = torch.tensor(total / len(batches), device=self.accelerator.device)
        return means, float(self.accelerator.reduce(mean_loss, reduction="mean"))

    def _draw_gamma(self, batches: Sequence[Batch]) -> float:
        # From seed, step and data, so that a resumed run draws what the whole one drew, and every rank the same.
        sums = [int((batch["input_ids"] * batch["attention_mask"]).sum()) for batch in batches]
        tokens = torch.tensor(sum(sums), device=self.accelerator.device)
        tokens = self.accelerator.reduce(tokens, reduction="sum")
        seed = hash((self.args.seed, self.state.global_step, int(tokens))) & 0x7FFFFFFF
        share = float(torch.rand((), generator=torch.Generator().manual_seed(seed)))
        low, high = self.args.gamma
        return low + (high - low) * share

    # The subspace.

    def train(self, resume_from_checkpoint: str | bool | None = None, *given: Any, **named: Any) -> Any:
        """Choose the subspace from the weights as they were given, then train; see `LogRatioTrainer.train`."""
        if self.subspace is None:
            self.subspace = self._choose()
        return super().train(resume_from_checkpoint, *given, **named)

    def _choose(self) -> Subspace:
        if self.args.subspace == "all":
            return Everything(self.model)
        if self.args.subspace == "lm_head":
            return Head(self._owner())
        modules = value_modules(self._owner())
        columns: list[Any] = [lowest(self._scores(modules), self.args.percentage), self.probe_accuracy]
        # One rank decides: near ties fall differently on different devices.
        broadcast_object_list(columns, from_process=0)
        self.probe_accuracy = columns[1]
        return Columns(modules, columns[0])

    def _owner(self) -> Any:
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    def _scores(self, modules: dict[str, nn.Module]) -> list[Tensor]:
        """Of every column of every down-projection a score, shape (d_ff,); the lowest are taken."""
        if self.args.subspace == "random":
            generator = torch.Generator().manual_seed(self.args.seed)
            return [torch.rand(len(value_vectors(module)), generator=generator) for module in modules.values()]
        if self.args.subspace == "gradient":
            whole = Columns(modules, [torch.arange(len(value_vectors(module))) for module in modules.values()])
            batches = [self._with_reference(batch) for batch in self._probe_batches()]
            gradients, _ = self._gradients(whole, batches)
            return [-gradient.norm(dim=0) for gradient in gradients]
        direction = self._probe().to(self.accelerator.device)
        return [
            torch.nn.functional.cosine_similarity(value_vectors(module), direction[None, :], dim=1)
            for module in modules.values()
        ]

    def _probe_batches(self) -> Iterator[Batch]:
        rows = self._probe_dataset.select(range(min(len(self._probe_dataset), self.args.probe_pairs)))
        size = self.args.per_device_train_batch_size
        column = self.args.soft_label_column
        for start in range(0, len(rows), size):
            examples = [rows[index] for index in range(start, min(start + size, len(rows)))]
            if column is not None and column not in rows.column_names:
                examples = [{**example, column: 1.0} for example in examples]
            yield self._prepare_inputs(self.data_collator(examples))

    def _probe(self) -> Tensor:
        """Direction from chosen to rejected in the mean-pooled last hidden state, shape (hidden,), float32.

        A fifth of the pairs is held out to say how well the probe tells them apart (`probe_accuracy`); the direction
        itself comes from all of them.
        """
        pooled: list[tuple[Tensor, Tensor]] = []
        backbone = self._owner().base_model
        self.model.eval()
        for batch in self._probe_batches():
            mask = batch["attention_mask"]
            with torch.no_grad(), self.accelerator.autocast():
                hidden = backbone(input_ids=batch["input_ids"], attention_mask=mask, use_cache=False).last_hidden_state
            means = (hidden.float() * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
            chosen, rejected = means.cpu().chunk(2)
            pooled.append((chosen, rejected))
        chosen = torch.cat([pair[0] for pair in pooled]).numpy()
        rejected = torch.cat([pair[1] for pair in pooled]).numpy()
        held_out = max(1, len(chosen) // 5)
        if len(chosen) > held_out:
            trial = probe_direction(chosen[held_out:], rejected[held_out:])
            self.probe_accuracy = float(((rejected[:held_out] - chosen[:held_out]) @ trial > 0).mean())
        return torch.from_numpy(probe_direction(chosen, rejected)).float()


def _norm(parts: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(part.double().square().sum()) for part in parts))
