"""What a run's policies know of the corpus: models and calibration, shipped, from a file, or made for this corpus."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from benchmarks.calibrate import calibrate, made_from
from benchmarks.code_hash import code_hash
from benchmarks.data import Dataset
from benchmarks.fit import fit_command
from benchmarks.oracle import NAME as ORACLE
from benchmarks.oracle import OraclePolicy
from benchmarks.runfolder import write_whole
from sentinel.errors import ConfigurationError, DataError
from sentinel.threat_models import ThreatModels, shipped_models
from strategist.calibration import MODELS, Calibration, Promise, models_of, shipped_calibration
from strategist.embeddings import fingerprint
from strategist.policies import POLICIES, Policy

AUTO, SHIPPED = "auto", "shipped"
KEPT = "calibrations"
"""Folder, in that of caches, of what was made for a corpus."""
CALIBRATION = "calibration.json"
"""File of the run folder; its models lie beside it."""
MADE = "made for this run from attacks on this corpus and its own benign sessions"
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Artefacts:
    """What is known of a corpus.

    Attributes:
        models: From signals to probabilities.
        calibration: What defenses do and cost there.
        note: Where the two come from, in words for whoever reads the run.
    """

    models: ThreatModels
    calibration: Calibration
    note: str

    @classmethod
    def shipped(cls, note: str = "the shipped models and calibration") -> Artefacts:
        """Those of the package."""
        return cls(shipped_models(), shipped_calibration(), note)


def reads_calibration(policies: Iterable[str | Policy]) -> bool:
    """Whether any of some policies knows what to do with a calibration."""
    kinds = (OraclePolicy if p == ORACLE else POLICIES.get(p) if isinstance(p, str) else type(p) for p in policies)
    return any("calibration" in kind.model_fields for kind in kinds)


def artefacts(
    data: Dataset,
    model: Embeddings,
    seed: int,
    source: str,
    folder: Path,
    report: Report = lambda *_: None,
    kept: Path | None = None,
) -> Artefacts:
    """Find or make what a run needs.

    Args:
        data: The data set; only the fit and calibrate parts of its benign sessions are read, and no target.
        model: Embeds passages and queries.
        seed: Of generated attacks and the split.
        source: `auto`, `shipped`, or the path of a calibration file, whose models lie beside it as `models.json`
            unless they are the shipped ones.
        folder: Where what was made is kept; an earlier making of the same run is taken up from there.
        report: Told of progress.
        kept: A folder in which what was made by this very code of this very data serves other runs too; None for none.

    Raises:
        DataError: A file is no calibration.
        ConfigurationError: Its models are not beside it.
    """
    if source == SHIPPED:
        return Artefacts.shipped()
    if source != AUTO:
        return _read(Path(source), f"from {Path(source).name}")
    if shipped_calibration().fitted_on == made_from(data, seed):
        return Artefacts.shipped("the shipped models and calibration, which were made from this very data")
    if (folder / CALIBRATION).is_file():  # written last
        return _read(folder / CALIBRATION, MADE)
    shared = None if kept is None else kept / _key(data, model, seed)
    if shared is not None and (found := _earlier(shared)) is not None:
        _write(found, folder)
        return found
    try:
        models = fit_command(data, model, seed, "fit", report)
        calibration = calibrate(data, model, models, seed, strict=False, report=report)
    except DataError as error:
        return Artefacts.shipped(f"the shipped models and calibration: none can be made of this corpus ({error})")
    made = Artefacts(models, calibration, MADE)
    _write(made, folder)
    if shared is not None:
        with suppress(OSError):  # no more than a wait the next time
            shared.mkdir(parents=True, exist_ok=True)
            _write(made, shared)
    return made


def _key(data: Dataset, model: Embeddings, seed: int) -> str:
    """What a calibration depends on, as the name of a folder."""
    parts = [code_hash(), data.name, data.hash, fingerprint(model), seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _earlier(folder: Path) -> Artefacts | None:
    """What an earlier run has left; None where it left nothing whole."""
    try:
        return _read(folder / CALIBRATION, MADE) if (folder / CALIBRATION).is_file() else None
    except (DataError, ConfigurationError, OSError):
        return None


def _write(made: Artefacts, folder: Path) -> None:
    write_whole(folder / MODELS, made.models.dumps() + "\n")
    write_whole(folder / CALIBRATION, made.calibration.dumps() + "\n")


def told(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run's policies knew of the corpus, as pairs of a label and a sentence; nothing where none reads it."""
    known = summary["run"].get("artefacts")
    if known is None:
        return []
    kept = {kind: Promise(**promise) for kind, promise in known["promises"].items()}
    return [("calibration", f"{known['from']}."), ("promise", promised(known["price"], kept))]


def promised(price: float | None, promises: Mapping[str, Promise]) -> str:
    """What a calibration promises, in a sentence."""
    if price is None:
        return "no intervention keeps the promise on these sessions: adaptive does nothing."
    kinds = [f"{kind} {p.alpha:.1%} ({_kept(p)})" for kind, p in promises.items()]
    return f"adaptive costs benign sessions on average at most {', '.join(kinds)}."


def _kept(promise: Promise) -> str:
    unseen = "" if promise.unseen is None else f"; unseen ones {promise.unseen:.1%}"
    return f"{promise.sessions:,} sessions, which lost {promise.loss:.1%}{unseen}"


def _read(file: Path, note: str) -> Artefacts:
    calibration = Calibration.load(file)
    return Artefacts(models_of(calibration, file, None), calibration, note)
