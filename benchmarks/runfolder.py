"""The folder of one run: resolved configuration, samples as they come in, summary and report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.samples import Sample
from sentinel.errors import ConfigurationError, DataError

CONFIG, SAMPLES, SPLIT, SUMMARY, REPORT = "config.json", "samples.jsonl", "split.json", "summary.json", "report.html"

NOTES = {"command"}
"""Keys of the configuration that say how it was asked for, and change no figure."""


class RunFolder:
    """Creates the folder of a run, or takes up the one that the same command left behind.

    Args:
        path: Where it lies.
        config: The resolved configuration: whatever changes the results stands in it.

    Raises:
        ConfigurationError: The folder holds another run, or files of somebody else.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        self.config = dict(config)
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"{path}: not a folder")
        if (path / CONFIG).is_file():
            self._check()
        elif path.is_dir() and any(path.iterdir()):
            raise ConfigurationError(f"{path}: holds files that are no run; give an empty or a new folder")
        else:
            path.mkdir(parents=True, exist_ok=True)
            _write(path / CONFIG, self.config)

    def _check(self) -> None:
        try:
            found = json.loads((self.path / CONFIG).read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError
        except ValueError:
            raise ConfigurationError(f"{self.path / CONFIG}: damaged; give another folder") from None
        wanted = json.loads(json.dumps(self.config))
        differing = [key for key in sorted({*found, *wanted} - NOTES) if found.get(key) != wanted.get(key)]
        if differing:
            raise ConfigurationError(
                f"{self.path}: belongs to another run (it differs in {', '.join(differing)}); give another --out"
            )

    def samples(self) -> dict[tuple[str, str, str], Sample]:
        """What is finished already, by key. A last line that was cut off while it was written is dropped."""
        path = self.path / SAMPLES
        if not path.is_file():
            return {}
        found: dict[tuple[str, str, str], Sample] = {}
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = len(lines)
        for number, line in enumerate(lines, 1):
            try:
                sample = Sample.from_json(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines) and not line.endswith("\n"):
                    whole -= 1
                    continue
                raise DataError(f"{path}, line {number}: not a sample ({error})") from None
            found[sample.key] = sample
        kept = "".join(lines[:whole])
        if whole < len(lines) or not kept.endswith("\n"):
            # Only its end of line may be missing, too; the next sample must not continue that line.
            path.write_text(kept if kept.endswith("\n") or not kept else kept + "\n", encoding="utf-8")
        return found

    def append(self, samples: Iterable[Sample]) -> None:
        """Add finished samples; they are on disk when this returns."""
        text = "".join(json.dumps(sample.to_json(), separators=(",", ":")) + "\n" for sample in samples)
        with (self.path / SAMPLES).open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def write(self, name: str, content: object) -> None:
        """Write one of the run's JSON files whole."""
        _write(self.path / name, content)


def read_summary(path: Path) -> dict[str, Any]:
    """The summary of a finished run.

    Raises:
        DataError: The folder holds none, or a damaged one.
    """
    try:
        summary: dict[str, Any] = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
        if summary["schema"] != 1 or not isinstance(summary["cells"], list):
            raise ValueError("unknown schema")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no readable {SUMMARY} ({error}); is it the folder of a finished run?") from None
    return summary


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, whoever else writes it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _write(path: Path, content: object) -> None:
    write_whole(path, json.dumps(content, indent=2) + "\n")
