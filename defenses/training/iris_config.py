"""What IRIS can be told, beside everything that TRL's DPO can be told, and the schedule of its order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trl import DPOConfig

from sentinel.errors import ConfigurationError

BASELINES = {"spin": "sigmoid", "space": "bco_pair", "spif": "sppo_hard"}
"""Published self-play objectives and the loss of TRL's that each of them is."""
OWN_BETA = {"iris": 1.0, "space": 1.0, "spin": 0.1, "spif": 0.1}
"""Scale of the log-ratios where nothing else is told, by objective."""


@dataclass
class IRISConfig(DPOConfig):  # type: ignore[misc]
    """Parameters of `IRISTrainer` and `self_play` (IRIS, arXiv 2604.20933), after those of `trl.DPOConfig`.

    Attributes:
        beta: Scale of the log-ratios, > 0; None for the objective's own: 1 for `iris`, whose minimiser is the real
            data's distribution at no other, and for `space`; 0.1 for `spin`, as published, and `spif`.
        objective: `iris`, or a baseline: `spin` (TRL's `sigmoid`), `space` (`bco_pair` at beta = 1, which is mu = 1),
            `spif` (`sppo_hard`: the published form is not known to us, this one is reconstructed).
        alpha_schedule: `adaptive`, `linear` or `constant`; see `scheduled_alpha`.
        alpha: Order of the constant schedule, > 0.
        alpha_min: Order at no gap, or of the last iteration, > 0.
        alpha_max: Order at a wide gap, or of the first iteration, >= alpha_min.
        gap_scale: Gap at which the adaptive order has fallen by 1/e of its way to alpha_max, > 0; None for the gap
            of the first iteration. `self_play` carries it on.
        exponent_clamp: Bound on the exponents of the weights, counted from their mean, > 0; None for no bound.
        length_normalised: Divide each log-ratio by its tokens (ours; the paper sums).
        iteration: Which iteration of self-play is trained, from 0.
        iterations: How many there are, >= 1.
        max_new_tokens: Tokens of a synthetic response at most, >= 1.
        temperature: Of sampling, > 0. Only at 1, with top_p = 1, are synthetic responses samples of the model that
            the objective speaks of.
        top_p: Nucleus of sampling, in (0, 1].
        generation_batch_size: Prompts sampled together, >= 1.
        sampler: What draws synthetic responses: `transformers`, or `vllm` where it is installed.
        vllm_memory: Share of the accelerator's memory for vLLM's engine, in (0, 1).
        mix_previous: Train on the previous iteration's synthetic responses too, as SPIN does; `spin` alone.
    """

    beta: float | None = field(
        default=None, metadata={"help": "Scale of the log-ratios; None for the objective's own."}
    )
    precompute_ref_log_probs: bool = field(
        default=True, metadata={"help": "The reference stands still in an iteration: computed once, then not kept."}
    )
    objective: str = field(default="iris", metadata={"choices": ["iris", *BASELINES], "help": "Whose loss."})
    alpha_schedule: str = field(
        default="adaptive", metadata={"choices": ["adaptive", "linear", "constant"], "help": "How alpha moves."}
    )
    alpha: float = field(default=1.0, metadata={"help": "Order of the constant schedule, > 0."})
    alpha_min: float = field(default=0.5, metadata={"help": "Order at no gap, > 0."})
    alpha_max: float = field(default=2.0, metadata={"help": "Order at a wide gap."})
    gap_scale: float | None = field(default=None, metadata={"help": "Scale of the gap; None for the first one."})
    exponent_clamp: float | None = field(default=20.0, metadata={"help": "Bound on the exponents of the weights."})
    length_normalised: bool = field(default=False, metadata={"help": "Divide log-ratios by their tokens."})
    iteration: int = field(default=0, metadata={"help": "Which iteration of self-play is trained, from 0."})
    iterations: int = field(default=3, metadata={"help": "How many iterations there are."})
    max_new_tokens: int = field(default=256, metadata={"help": "Tokens of a synthetic response at most."})
    temperature: float = field(default=1.0, metadata={"help": "Of sampling."})
    top_p: float = field(default=1.0, metadata={"help": "Nucleus of sampling."})
    generation_batch_size: int = field(default=16, metadata={"help": "Prompts sampled together."})
    sampler: str = field(default="transformers", metadata={"choices": ["transformers", "vllm"], "help": "Who samples."})
    vllm_memory: float = field(default=0.4, metadata={"help": "Share of the accelerator's memory for vLLM's engine."})
    mix_previous: bool = field(default=False, metadata={"help": "Keep the previous iteration's responses (SPIN)."})

    def __post_init__(self) -> None:
        """Check every value once, before any model is loaded.

        Raises:
            ConfigurationError: A value is out of range, or two of them cannot be had together.
        """
        if self.beta is None:
            self.beta = OWN_BETA.get(self.objective, 1.0)
        super().__post_init__()
        rules = {
            "objective": self.objective in ("iris", *BASELINES),
            "alpha_schedule": self.alpha_schedule in ("adaptive", "linear", "constant"),
            "alpha": 0.0 < self.alpha < math.inf,
            "alpha_min": 0.0 < self.alpha_min < math.inf,
            "alpha_max": self.alpha_min <= self.alpha_max < math.inf,
            "gap_scale": self.gap_scale is None or 0.0 < self.gap_scale < math.inf,
            "exponent_clamp": self.exponent_clamp is None or self.exponent_clamp > 0.0,
            "iteration": 0 <= self.iteration < self.iterations,
            "iterations": self.iterations >= 1,
            "max_new_tokens": self.max_new_tokens >= 1,
            "temperature": 0.0 < self.temperature < math.inf,
            "top_p": 0.0 < self.top_p <= 1.0,
            "generation_batch_size": self.generation_batch_size >= 1,
            "sampler": self.sampler in ("transformers", "vllm"),
            "vllm_memory": 0.0 < self.vllm_memory < 1.0,
            "mix_previous": not self.mix_previous or self.objective == "spin",
            "beta": self.beta > 0.0 and (self.objective != "space" or self.beta == 1.0),
        }
        notes = {"mix_previous": " (SPIN alone mixes)", "beta": " (above 0; SPACE is defined at beta = 1)"}
        for name, holds in rules.items():
            if not holds:
                raise ConfigurationError(f"{name} = {getattr(self, name)!r} is not allowed{notes.get(name, '')}")
        given: list[str] = vars(self)["loss_type"]
        if given not in (["sigmoid"], [self.trl_loss]):
            raise ConfigurationError(f"loss_type = {given}: name the loss by objective = {self.objective!r}")
        self.loss_type = [self.trl_loss]
        if self.objective == "iris" and self.alpha_schedule == "adaptive" and not self.precompute_ref_log_probs:
            raise ConfigurationError("alpha_schedule = 'adaptive' measures its gap by precompute_ref_log_probs = True")
        if self.ld_alpha is not None or self.use_weighting or self.f_divergence_type != "reverse_kl":
            raise ConfigurationError("ld_alpha, use_weighting and f_divergence_type change what a log-ratio is")

    @property
    def trl_loss(self) -> str:
        """The loss of TRL's that a baseline is; IRIS's own loss takes its place."""
        return BASELINES.get(self.objective, "sigmoid")

    def scheduled_alpha(self, gap: float) -> float:
        """The order of this iteration: large while the model is far from the data, small near it (formulas ours).

        adaptive: alpha_min + (alpha_max - alpha_min) * (1 - exp(-max(gap, 0) / gap_scale));
        linear: from alpha_max at the first iteration to alpha_min at the last; constant: alpha.

        Args:
            gap: Negative log-likelihood of a token of real responses minus that of synthetic ones, in nats, under
                the model that the iteration starts from.
        """
        if self.alpha_schedule == "constant":
            return self.alpha
        width = self.alpha_max - self.alpha_min
        if self.alpha_schedule == "linear":
            return self.alpha_max - width * self.iteration / max(self.iterations - 1, 1)
        scale = self.gap_scale if self.gap_scale is not None else max(gap, 0.0)
        return self.alpha_min + (width * -math.expm1(-max(gap, 0.0) / scale) if scale > 0.0 else 0.0)
