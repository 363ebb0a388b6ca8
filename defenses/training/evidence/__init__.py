"""What the trainers gain over their baselines, over several seeds: `sentinel-train evidence`.

Not part of CI: a table takes minutes on the tiny model and hours on a real one without an accelerator.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def _measure(module: str) -> Callable[[], Any]:
    def load() -> Any:
        return importlib.import_module(f"{__name__}.{module}").measure

    return load


KINDS: dict[str, Callable[[], Any]] = {
    "noise": _measure("noise"),
    "self-play": _measure("self_play"),
    "cost": _measure("cost"),
}
"""From the name of a measurement to what loads its function (settings, file, say) -> Markdown."""
