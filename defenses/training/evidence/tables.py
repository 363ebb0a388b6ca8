"""Runs kept as they end, and means with intervals over seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from sentinel.errors import ConfigurationError, DataError

Say = Callable[[str], None]


class Journal:
    """The runs of a measurement, a line each, beside its table; a run that stands there is not run again.

    Args:
        table: The file of the table; the journal is the same name with `.jsonl`.

    Raises:
        DataError: The journal holds something else; a last line that was cut off does not count.
    """

    def __init__(self, table: Path) -> None:
        self.path = table.with_suffix(".jsonl")
        self._runs: dict[str, Any] = {}
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").split("\n")
            for number, line in enumerate(lines, 1):
                try:
                    run = json.loads(line) if line else None
                    if run is not None:
                        self._runs[_key(run["run"])] = run["found"]
                except (ValueError, KeyError, TypeError):
                    if number < len(lines):
                        raise DataError(f"{self.path}:{number}: not a run of a measurement") from None
                    self.path.write_text("".join(f"{whole}\n" for whole in lines[:-1]), encoding="utf-8")

    def get(self, run: dict[str, Any]) -> Any:
        """What a run found, or None."""
        return self._runs.get(_key(run))

    def once(self, run: dict[str, Any], measure: Callable[[], Any]) -> Any:
        """What a run found, now or earlier.

        Raises:
            ConfigurationError: The journal cannot be written.
        """
        key = _key(run)
        if key not in self._runs:
            found = measure()
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"run": run, "found": found}) + "\n")
            except OSError as error:
                raise ConfigurationError(f"cannot write {self.path}: {error.strerror}") from None
            self._runs[key] = found
        return self._runs[key]


def _key(run: Any) -> str:
    return json.dumps(run, sort_keys=True)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval by Student's t; infinite for a single value."""
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 2:
        return float(numbers.mean()), math.inf
    width = stats.t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / math.sqrt(len(numbers))
    return float(numbers.mean()), float(width)


def cell(values: Sequence[float], digits: int = 3) -> str:
    """Mean and interval as they stand in a table."""
    mean, width = interval(values)
    return f"{mean:.{digits}f}" + (f" ± {width:.{digits}f}" if math.isfinite(width) else "")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def smaller(differences: Sequence[float], what: str, than: str) -> str:
    """A plain sentence about paired differences (first minus second): smaller, larger, or not to be told."""
    mean, width = interval(differences)
    numbers = f"{mean:+.3f}" + (f" ± {width:.3f}" if math.isfinite(width) else "")
    pairs = f"paired difference {numbers}, n = {len(differences)}"
    if math.isfinite(width) and mean + width < 0.0:
        return f"{what} is smaller than {than} ({pairs})."
    if math.isfinite(width) and mean - width > 0.0:
        return f"{what} is **not** smaller than {than}: it is larger ({pairs})."
    return f"{what} is **not shown to be smaller** than {than} at this scale ({pairs})."
