"""What a measurement is told, and what it takes where it is told nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sentinel.errors import ConfigurationError, unknown_name

NOISE = ("dpo", "dr-dpo", "sam", "random", "shapo-token", "soft-dpo", "shapo-reward")
SELF_PLAY = ("sft", "spin", "space", "spif", "iris", "sft@1/8", "iris@1/8")
COST = ("dpo", "shapo")
METHODS = {"noise": NOISE, "self-play": SELF_PLAY, "cost": COST}

TINY = "tiny"
"""A Llama of two layers over the task's own words, made from the seed and taught the task's form first."""
_TINY: dict[str, dict[str, Any]] = {
    "noise": {
        "steps": 60,
        "rows": 480,
        "held_out": 200,
        "warm_up": 200,
        "batch_size": 16,
        "learning_rate": 5e-4,
        # Radius and frequency at which an effect shows, if there is one: time is no matter here.
        "rho": 0.5,
        "interval": 1,
    },
    "self-play": {"steps": 60, "rows": 512, "held_out": 128, "warm_up": 150, "batch_size": 16, "learning_rate": 5e-4},
    "cost": {"steps": 50, "rows": 256, "held_out": 8, "warm_up": 0, "batch_size": 16, "learning_rate": 5e-4},
}
_REAL: dict[str, dict[str, Any]] = {
    "noise": {"steps": 60, "rows": 480, "held_out": 100, "warm_up": 0, "batch_size": 8, "learning_rate": 1e-4},
    "self-play": {"steps": 30, "rows": 256, "held_out": 64, "warm_up": 10, "batch_size": 8, "learning_rate": 5e-5},
    "cost": {"steps": 20, "rows": 64, "held_out": 8, "warm_up": 0, "batch_size": 4, "learning_rate": 1e-4},
}


@dataclass(frozen=True)
class Settings:
    """One measurement.

    Attributes:
        kind: "noise", "self-play" or "cost".
        model: `TINY`, or what `defenses._checkpoints.model_folder` takes.
        seeds: How many: 0, 1, ... Each draws its own data, flips, order and (tiny) model.
        methods: Of those in `METHODS`.
        rates: Shares of flipped preferences, rising (noise).
        steps: Optimiser steps of each training; of each iteration in self-play.
        rows: Training rows.
        held_out: Held-out rows, about other subjects.
        warm_up: Supervised steps before; all methods start from the same result.
        batch_size: Pairs of an optimiser step.
        learning_rate: Of AdamW, constant.
        lora_r: Rank of adapters; 0 trains all weights.
        beta: Scale of the log-ratios; None for 0.1 in preference losses and for each self-play objective's own.
        rho: Radius of the perturbation, and of the step by which sharpness is measured.
        interval: Every how many steps the perturbing methods perturb.
        percentage: Share of value vectors that ShaPO perturbs.
        iterations: Of self-play.
    """

    kind: str
    model: str
    seeds: int
    methods: tuple[str, ...]
    rates: tuple[float, ...]
    steps: int
    rows: int
    held_out: int
    warm_up: int
    batch_size: int
    learning_rate: float
    lora_r: int = 0
    beta: float | None = None
    rho: float = 0.05
    interval: int = 5
    percentage: float = 1.0
    iterations: int = 3

    def __post_init__(self) -> None:
        # The first interval warms up, one or more are counted, and one step begins the count.
        least = 2 * self.interval + 1
        if self.kind == "cost" and self.steps < least:
            raise ConfigurationError(f"--steps {self.steps}: the cost of a step needs at least {least} steps")

    @classmethod
    def of(
        cls, kind: str, model: str, seeds: int, methods: str | None, rates: str, given: Mapping[str, Any]
    ) -> Settings:
        """Settings from flags.

        Raises:
            ConfigurationError: An unknown method, or a rate outside [0, 1).
        """
        known = METHODS[kind]
        names = tuple(dict.fromkeys(name.strip() for name in (methods or ",".join(known)).split(",") if name.strip()))
        for name in names:
            if name not in known:
                raise unknown_name("method", name, known)
        try:
            shares = tuple(sorted({float(rate) for rate in rates.split(",")}))
        except ValueError:
            raise ConfigurationError(f"--rates {rates!r}: numbers with commas between them are needed") from None
        if not shares or not all(0.0 <= rate < 1.0 for rate in shares):
            raise ConfigurationError(f"--rates {rates!r}: shares lie in [0, 1)")
        # A hundredth of the tiny model's value vectors would be two of them.
        own = {"percentage": 10.0, **_TINY[kind]} if model == TINY else {"lora_r": 16, **_REAL[kind]}
        return cls(kind, model, seeds, names, shares, **{**own, **given})

    def of_run(self, **run: Any) -> dict[str, Any]:
        """What decides the outcome of one run: everything but which runs there are."""
        shared = {name: value for name, value in asdict(self).items() if name not in ("seeds", "methods", "rates")}
        return {**shared, **run}

    @property
    def preference_beta(self) -> float:
        """Beta of the preference losses."""
        return 0.1 if self.beta is None else self.beta

    def described(self) -> str:
        """The values that stand above a table."""
        weights = f"LoRA of rank {self.lora_r}" if self.lora_r else "all weights"
        own = self.kind == "self-play" and self.beta is None
        beta = "each objective's own beta" if own else f"beta {self.preference_beta:g}"
        return (
            f"model `{self.model}`, {weights}; {self.seeds} seed{'s' if self.seeds > 1 else ''}, {self.rows} training "
            f"and {self.held_out} held-out rows; {self.steps} steps of {self.batch_size}, learning rate "
            f"{self.learning_rate:g}, {beta}, after {self.warm_up} supervised steps"
        )
