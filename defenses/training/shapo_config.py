"""What ShaPO can be told, beside everything that TRL's DPO can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trl import DPOConfig

from sentinel.errors import ConfigurationError

SUBSPACES = ("probe", "random", "gradient", "all", "lm_head")
OWN_LOSSES = ("sigmoid", "cdpo", "simpo")
"""Losses that `losses.py` computes pair by pair; TRL's own classes return the mean alone."""


@dataclass
class ShaPOConfig(DPOConfig):  # type: ignore[misc]
    """Parameters of `ShaPOTrainer` (ShaPO, arXiv 2602.07340), after those of `trl.DPOConfig`.

    `loss_type` takes TRL's names (`sigmoid` is DPO, `robust` rDPO, `ipo` IPO) and two more: `cdpo` and `simpo`.

    Attributes:
        subspace: What is perturbed. `probe`: the columns of MLP down-projections whose value vectors point most
            against the probe's direction from chosen to rejected; `random` and `gradient`: as many columns, drawn or
            of largest gradient; `all`: every trainable parameter (plain SAM); `lm_head`: the output projection.
        percentage: Share of all columns that is perturbed, in (0, 100]; 1 in the published commands. Not read by
            `all` and `lm_head`.
        perturbation: `rho`: eps = rho * g / ||g||, the worst case on a ball (ours as default); `gamma`: eps =
            gamma * g with gamma drawn anew each time, as the released code does.
        rho: Radius of the ball, in the unit of the weights, >= 0; 0 is DPO.
        gamma: Lower and upper end of the uniform draw, 0 <= lower <= upper.
        interval: Every how many optimiser steps the weights are perturbed, >= 1; 5 in the published commands.
        perturb_over: `step`: one perturbation from the gradient of the whole optimiser step, all ranks and
            accumulated micro-batches together; `micro_batch`: one for each micro-batch over all ranks, as the
            released code does.
        probe_pairs: How many pairs the probe is fitted on at most, >= 4; also how many rank by gradient.
        aggregation: `mean`, or `dr_dpo`: -w log mean exp(-l / w) (Dr.DPO, Wu et al., 2024).
        mode_weight: w of Dr.DPO, > 0; infinity is the mean.
        soft_label_column: Column with the probability in [0, 1] that `chosen` is the better response (reward
            level); None for hard labels (token level).
        simpo_gamma: Target margin of SimPO, >= 0.
    """

    subspace: str = field(default="probe", metadata={"help": "What is perturbed.", "choices": list(SUBSPACES)})
    percentage: float = field(default=1.0, metadata={"help": "Share of value vectors perturbed, in (0, 100]."})
    perturbation: str = field(
        default="rho", metadata={"help": "Normalised (rho) or raw (gamma) ascent.", "choices": ["rho", "gamma"]}
    )
    rho: float = field(default=0.05, metadata={"help": "Radius of the normalised perturbation, >= 0."})
    gamma: list[float] = field(
        default_factory=lambda: [2e-6, 4e-6], metadata={"help": "Range of the raw perturbation's factor."}
    )
    interval: int = field(default=5, metadata={"help": "Perturb at every so many optimiser steps, >= 1."})
    perturb_over: str = field(
        default="step", metadata={"help": "Whose gradient perturbs.", "choices": ["step", "micro_batch"]}
    )
    probe_pairs: int = field(default=2000, metadata={"help": "Pairs the subspace is chosen by, at most."})
    aggregation: str = field(default="mean", metadata={"help": "Over pairs.", "choices": ["mean", "dr_dpo"]})
    mode_weight: float = field(default=1.0, metadata={"help": "w of Dr.DPO, > 0."})
    soft_label_column: str | None = field(default=None, metadata={"help": "Column of soft labels (reward level)."})
    simpo_gamma: float = field(default=0.5, metadata={"help": "Target margin of SimPO, >= 0."})

    def __post_init__(self) -> None:
        """Check every value once, before any model is loaded.

        Raises:
            ConfigurationError: A value is out of range, or two of them cannot be had together.
        """
        super().__post_init__()
        _one_of("subspace", self.subspace, SUBSPACES)
        _one_of("perturbation", self.perturbation, ("rho", "gamma"))
        _one_of("perturb_over", self.perturb_over, ("step", "micro_batch"))
        _one_of("aggregation", self.aggregation, ("mean", "dr_dpo"))
        _require(0.0 < self.percentage <= 100.0, "percentage", self.percentage, "lies in (0, 100]")
        _require(0.0 <= self.rho < float("inf"), "rho", self.rho, "is a finite number of 0 or more")
        ends = len(self.gamma) == 2 and 0.0 <= self.gamma[0] <= self.gamma[1] < float("inf")
        _require(ends, "gamma", self.gamma, "is a lower and an upper end, 0 <= lower <= upper")
        _require(self.interval >= 1, "interval", self.interval, "is 1 or more")
        _require(self.probe_pairs >= 4, "probe_pairs", self.probe_pairs, "is 4 or more")
        _require(self.mode_weight > 0.0, "mode_weight", self.mode_weight, "is above 0")
        _require(self.simpo_gamma >= 0.0, "simpo_gamma", self.simpo_gamma, "is 0 or more")
        if self.loss_type == ["cdpo"]:
            _require(0.0 <= self.label_smoothing < 0.5, "label_smoothing", self.label_smoothing, "lies in [0, 0.5)")
        self._check_own_loss()
        if self.fp16:
            raise ConfigurationError("fp16 = True: the ascent runs without a loss scale; use bf16 or float32")
        if self.torch_compile:
            raise ConfigurationError("torch_compile = True: a compiled model does not see the perturbation")
        if (self.gradient_checkpointing_kwargs or {}).get("use_reentrant"):
            raise ConfigurationError("use_reentrant = True: reentrant checkpointing has no gradient of chosen weights")

    @property
    def own_loss(self) -> bool:
        """Whether `losses.py` computes the loss, and not TRL."""
        extended = self.aggregation == "dr_dpo" or self.soft_label_column is not None
        return extended or any(name in ("cdpo", "simpo") for name in self.loss_type)

    def _check_own_loss(self) -> None:
        if not self.own_loss:
            return
        if len(self.loss_type) != 1 or self.loss_type[0] not in OWN_LOSSES:
            what = "aggregation = 'dr_dpo'" if self.aggregation == "dr_dpo" else "soft labels, cdpo and simpo"
            raise ConfigurationError(
                f"loss_type = {self.loss_type}: {what} go with one of {', '.join(OWN_LOSSES)} alone"
            )
        if self.soft_label_column is not None and self.loss_type != ["sigmoid"]:
            raise ConfigurationError(f"loss_type = {self.loss_type}: soft labels go with 'sigmoid' alone")
        plain: dict[str, Any] = {
            "f_divergence_type": "reverse_kl",
            "ld_alpha": None,
            "use_weighting": False,
            "loss_weights": None,
        }
        for name, value in plain.items():
            if getattr(self, name) != value:
                raise ConfigurationError(f"{name} = {getattr(self, name)!r} goes only with TRL's own losses")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{name} = {value!r}: it is one of {', '.join(known)}")


def _require(holds: bool, name: str, value: object, what: str) -> None:
    if not holds:
        raise ConfigurationError(f"{name} = {value!r}: it {what}")
