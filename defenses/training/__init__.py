"""Trainers that make a generator itself harder to turn: ShaPO against flipped preferences, IRIS by self-play.

Importing this package loads neither torch nor TRL; the first use of a name does. Needs the extra `train`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sentinel.errors import ConfigurationError

if TYPE_CHECKING:
    from defenses.training.iris_config import IRISConfig
    from defenses.training.iris_trainer import IRISTrainer
    from defenses.training.label_noise import flip_preferences
    from defenses.training.self_play_loop import self_play
    from defenses.training.shapo_config import ShaPOConfig
    from defenses.training.shapo_trainer import ShaPOTrainer

__all__ = ["IRISConfig", "IRISTrainer", "ShaPOConfig", "ShaPOTrainer", "flip_preferences", "self_play"]

_HOMES = {
    "IRISConfig": "iris_config",
    "IRISTrainer": "iris_trainer",
    "ShaPOConfig": "shapo_config",
    "ShaPOTrainer": "shapo_trainer",
    "flip_preferences": "label_noise",
    "self_play": "self_play_loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("accelerate", "datasets", "peft", "transformers", "trl"):
            raise
        raise ConfigurationError(
            f"{name} needs {error.name}; install the extra: pip install 'sentinel-strategist[train]'"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
