"""What a run's policies know of the corpus: models and calibration, shipped, from a file, or made for this corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from benchmarks.calibrate import calibrate
from benchmarks.data import Dataset
from benchmarks.fit import fit_command
from sentinel.errors import DataError
from sentinel.models import ThreatModels, shipped_models
from strategist.calibration import Calibration, shipped_calibration
from strategist.policies import POLICIES, Policy

AUTO, SHIPPED = "auto", "shipped"
MODELS, CALIBRATION = "models.json", "calibration.json"
"""Files of the run folder."""
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
    kinds = (type(p) if isinstance(p, Policy) else POLICIES.get(p) for p in policies)
    return any("calibration" in kind.model_fields for kind in kinds)


def artefacts(
    data: Dataset, model: Embeddings, seed: int, source: str, folder: Path, report: Report = lambda *_: None
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

    Raises:
        DataError: A file is no calibration, or does not belong to the models.
    """
    if source == SHIPPED:
        return Artefacts.shipped()
    if source != AUTO:
        return _of_file(Path(source))
    if shipped_calibration().fitted_on == made_from(data, seed):
        return Artefacts.shipped("the shipped models and calibration, which were made from this very data")
    if (folder / CALIBRATION).is_file() and (folder / MODELS).is_file():
        return _checked(ThreatModels.load(folder / MODELS), Calibration.load(folder / CALIBRATION), "made for this run")
    try:
        models = fit_command(data, model, seed, "fit", report)
        calibration = calibrate(data, model, models, seed, strict=False, report=report)
    except DataError as error:
        return Artefacts.shipped(f"the shipped models and calibration: none can be made of this corpus ({error})")
    (folder / MODELS).write_text(models.dumps() + "\n", encoding="utf-8")
    (folder / CALIBRATION).write_text(calibration.dumps() + "\n", encoding="utf-8")
    return Artefacts(models, calibration, "made for this run from attacks on this corpus and its own benign sessions")


def made_from(data: Dataset, seed: int) -> str:
    """How a calibration names what it was made from."""
    return f"{data.name} ({data.hash}), seed {seed}"


def told(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run's policies knew of the corpus, as pairs of a label and a sentence; nothing where none reads it."""
    known = summary["run"].get("artefacts")
    if known is None:
        return []
    said = [("calibration", f"{known['from']}.")]
    if known["price"] is None:
        return [*said, ("promise", "no intervention keeps the promise on these sessions: adaptive does nothing.")]
    kinds = [f"{kind} {p['alpha']:.1%} (n {p['sessions']:,})" for kind, p in known["promises"].items()]
    return [*said, ("promise", f"adaptive costs benign sessions on average at most {', '.join(kinds)}.")]


def promises(calibration: Calibration) -> list[str]:
    """What the calibration promises, a line for each kind of benign traffic."""
    if calibration.price is None:
        return ["no intervention keeps the promise on these sessions: adaptive does nothing"]
    return [
        f"{kind}: at most {promise.alpha:.2%} lost on average, from {promise.sessions} sessions (they lost "
        f"{promise.loss:.2%})"
        for kind, promise in calibration.promises.items()
    ]


def _of_file(path: Path) -> Artefacts:
    calibration = Calibration.load(path)
    beside = path.parent / MODELS
    models = shipped_models()
    if models.hash != calibration.models and beside.is_file():
        models = ThreatModels.load(beside)
    return _checked(models, calibration, f"from {path.name}")


def _checked(models: ThreatModels, calibration: Calibration, note: str) -> Artefacts:
    if models.hash != calibration.models:
        raise DataError(
            f"the calibration was measured with models {calibration.models}, and these are {models.hash}: "
            f"put the {MODELS} that it was made with beside it"
        )
    return Artefacts(models, calibration, note)
