"""What both trainers add to TRL's: checked data, the reference before any perturbation, sums over the widest batch."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel
from trl import DPOTrainer

from defenses.training import _preferences as preferences
from defenses.training._guards import GuardedTrainer
from defenses.training._scored import responses_alone
from sentinel.errors import ConfigurationError, DataError

Batch = dict[str, Any]
_NOT_FOR_THE_MODEL = ("completion_mask", "ref_chosen_logps", "ref_rejected_logps", preferences.SOFT_LABELS)


class LogProbabilities(NamedTuple):
    """Summed log-probabilities of a micro-batch of n pairs, and the lengths they were summed over; each shape (n,)."""

    chosen: Tensor
    rejected: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor


class LogRatioTrainer(GuardedTrainer, DPOTrainer):  # type: ignore[misc]
    """TRL's DPO trainer with losses of our own over the same log-probabilities. Use a subclass.

    A policy given as an object is its own reference unless another is given: TRL would load one from the name in
    its configuration, which need not hold the same weights.
    """

    data_collator: Any
    precompute_ref_logps: bool
    _metrics: dict[str, Any]
    _total_train_tokens: Any

    def __init__(self, model: Any, ref_model: Any = None, args: Any = None, **given: Any) -> None:
        needs_copy = isinstance(model, PreTrainedModel) and given.get("peft_config") is None
        if ref_model is None and needs_copy and not hasattr(model, "peft_config"):
            ref_model = None if args.precompute_ref_log_probs else copy.deepcopy(model)
        self._pools: tuple[Tensor, ...] | None = None
        # TRL reads the first row before it looks at the data.
        if isinstance(given.get("train_dataset"), Dataset) and len(given["train_dataset"]) == 0:
            raise DataError("train preferences are empty")
        # mypy sees the guards' base, `Trainer`, where TRL's class follows.
        super().__init__(model=model, ref_model=ref_model, args=args, **given)  # type: ignore[call-arg]
        self._begin_guarding()

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Dataset:
        """Tokenise as TRL does, or take `prompt_ids`, `chosen_ids`, `rejected_ids` as they are; check both.

        Raises:
            DataError: See `check_preferences` and `check_window`.
        """
        ready = isinstance(dataset, Dataset) and {"prompt_ids", "chosen_ids", "rejected_ids"} <= set(
            dataset.column_names
        )
        if ready and len(dataset) == 0:
            raise DataError(f"{dataset_name} preferences are empty")
        if not ready:
            preferences.check_preferences(dataset, dataset_name)
        prepared = dataset if ready else super()._prepare_dataset(dataset, processing_class, args, dataset_name)
        preferences.check_window(prepared, len(dataset), args.max_length, dataset_name)
        return prepared

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Batch], Any]:
        """Fetch the micro-batches of one optimiser step, their reference log-probabilities beside them."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        if batches:
            self.current_gradient_accumulation_steps = len(batches)
            self.model.train()
            batches = [self._with_reference(self._prepare_inputs(batch)) for batch in batches]
            self._begin_step(batches)
        return batches, items

    def _begin_step(self, batches: Sequence[Batch]) -> None:
        """Do what needs all micro-batches of an optimiser step at once."""
        self._pools = self._pools_of(batches)

    def _pools_of(self, batches: Sequence[Batch]) -> tuple[Tensor, ...] | None:
        """Values of all micro-batches on all ranks, detached; None where each micro-batch is the whole step's."""
        if not self._needs_pools() or len(batches) == 1:
            return None
        with torch.no_grad(), self.compute_loss_context_manager():
            values = [self._pooled_values(self.model, batch) for batch in batches]
        return tuple(self.accelerator.gather(torch.cat(column)) for column in zip(*values, strict=True))

    def _needs_pools(self) -> bool:
        """Whether a pair's weight in the loss depends on the other pairs."""
        return False

    @abstractmethod
    def _pooled_values(self, model: nn.Module, inputs: Batch) -> tuple[Tensor, ...]:
        """What the loss is normalised over, of one micro-batch, each shape (n,)."""

    def _pool(self, values: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], int]:
        """The widest pools that hold these values, and by how many parts of them the gradients are averaged."""
        if self._pools is not None and self.model.training:
            return self._pools, self.accelerator.num_processes * self.current_gradient_accumulation_steps
        return tuple(self.accelerator.gather(value.detach()) for value in values), self.accelerator.num_processes

    def compute_ref_log_probs(self, model: nn.Module, inputs: Batch) -> tuple[Tensor, Tensor]:
        """Reference log-probabilities of chosen and rejected responses, each shape (n,), float32, no gradient."""
        known = {name: value for name, value in inputs.items() if name != preferences.SOFT_LABELS}
        chosen, rejected = super().compute_ref_log_probs(model, known)
        return chosen.float(), rejected.float()

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        """The dataset with its reference log-probabilities, columns `ref_chosen_logps` and `ref_rejected_logps`.

        TRL hands them from rank to rank through a cache file, which for a dataset in memory lies in a temporary
        folder that no other rank knows.
        """
        if self.accelerator.num_processes == 1 or dataset.cache_files or self.is_deepspeed_enabled:
            with responses_alone():
                return super()._precompute_ref_logps(dataset, name, batch_size)
        loader = DataLoader(dataset, batch_size=batch_size, collate_fn=self.data_collator, shuffle=False)
        model = self.ref_model or self.model
        parts = [
            self.accelerator.gather_for_metrics(self.compute_ref_log_probs(model, batch))
            for batch in self.accelerator.prepare(loader)
        ]
        for side, column in enumerate(("ref_chosen_logps", "ref_rejected_logps")):
            dataset = dataset.add_column(column, torch.cat([part[side] for part in parts]).cpu().tolist())
        return dataset

    def _with_reference(self, inputs: Batch) -> Batch:
        """The micro-batch with its reference log-probabilities: once, and before any weight is perturbed.

        With adapters the reference is the same weights with the adapter off: read later, within a perturbation, it
        would be perturbed too.
        """
        if "ref_chosen_logps" in inputs:
            return inputs
        chosen, rejected = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
        return {**inputs, "ref_chosen_logps": chosen, "ref_rejected_logps": rejected}

    def _log_probabilities(self, model: nn.Module, inputs: Batch) -> LogProbabilities:
        known = {name: value for name, value in inputs.items() if name not in _NOT_FOR_THE_MODEL}
        mask = inputs["completion_mask"]
        labels = inputs["input_ids"].masked_fill(mask == 0, -100)
        output = model(**known, use_cache=False, labels=labels, fused_lm_head=True)
        # Masked positions are 0; prompt learning prepends positions, which are cut off.
        sums = output.log_probs[:, 1 - mask.size(1) :].float().sum(dim=1)
        tokens = mask[:, 1:].sum(dim=1)
        return LogProbabilities(*sums.chunk(2), *tokens.chunk(2))

    def _trl_loss(self, model: nn.Module, inputs: Batch, return_outputs: bool) -> Any:
        """TRL's loss, with the reference that stands in the micro-batch."""
        known = {name: value for name, value in inputs.items() if name != preferences.SOFT_LABELS}
        precomputed, self.precompute_ref_logps = self.precompute_ref_logps, True
        try:
            return super().compute_loss(model, known, return_outputs=return_outputs)
        finally:
            self.precompute_ref_logps = precomputed

    @abstractmethod
    def _own_loss(self, model: nn.Module, inputs: Batch) -> Tensor:
        """The loss of one micro-batch where it is not TRL's: a scalar with its gradient."""

    @abstractmethod
    def _is_own(self) -> bool:
        """Whether `_own_loss` is the loss, and not TRL's."""

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Loss of one micro-batch; see `transformers.Trainer.compute_loss`.

        Raises:
            ComponentError: The loss is not finite on some rank; all ranks raise.
        """
        inputs = self._with_reference(inputs)
        result = self._own_loss(model, inputs) if self._is_own() else self._trl_loss(model, inputs, return_outputs)
        loss = result[0] if isinstance(result, tuple) else result
        self._check_finite(loss)
        if return_outputs and self._is_own():
            known = {name: value for name, value in inputs.items() if name not in _NOT_FOR_THE_MODEL}
            with torch.no_grad():
                return loss, model(**known, use_cache=False)
        return result

    def _record(self, **values: Tensor | float) -> None:
        """Log the mean over ranks of each value until the next log line; `a__b` is logged as `a/b`."""
        mode = "train" if self.model.training else "eval"
        for name, value in values.items():
            if isinstance(value, Tensor):
                value = float(self.accelerator.gather(value.detach().float()).mean())
            self._metrics[mode][name.replace("__", "/")].append(value)

    def _record_rewards(self, policy: LogProbabilities, inputs: Batch) -> None:
        """Log what TRL logs of log-probabilities and implicit rewards, under its names."""
        chosen = self.beta * (policy.chosen - inputs["ref_chosen_logps"])
        rejected = self.beta * (policy.rejected - inputs["ref_rejected_logps"])
        self._record(
            rewards__chosen=chosen,
            rewards__rejected=rejected,
            rewards__accuracies=(chosen > rejected).float(),
            rewards__margins=chosen - rejected,
            logps__chosen=policy.chosen,
            logps__rejected=policy.rejected,
        )

    @contextmanager
    def _unrecorded(self) -> Iterator[None]:
        """Leave the metrics as they were: of a step's several passes one is logged."""
        kept, tokens = self._metrics, self._total_train_tokens
        self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
        try:
            yield
        finally:
            self._metrics, self._total_train_tokens = kept, tokens


def refuse_sharding(trainer: DPOTrainer, what: str) -> None:
    """Refuse where parameters do not lie whole on each rank.

    Raises:
        ConfigurationError: Under FSDP or DeepSpeed's ZeRO-3.
    """
    plugin = trainer.accelerator.state.deepspeed_plugin if trainer.is_deepspeed_enabled else None
    if trainer.is_fsdp_enabled or (plugin is not None and plugin.zero_stage == 3):
        where = "FSDP" if trainer.is_fsdp_enabled else "ZeRO-3"
        raise ConfigurationError(f"{what} needs whole parameters on each rank; {where} shards them. Use DDP or LoRA")


def refuse_quantised(model: Any, quantization_config: Any, what: str) -> None:
    """Refuse a base whose weights are not numbers to add to.

    Raises:
        ConfigurationError: The base is loaded in 4 or 8 bits.
    """
    quantised = quantization_config is not None or getattr(model, "quantization_method", None) is not None
    if quantised or getattr(model, "is_loaded_in_4bit", False) or getattr(model, "is_loaded_in_8bit", False):
        raise ConfigurationError(
            f"{what} reads and perturbs the base's weights; a 4- or 8-bit base has none to perturb"
        )
