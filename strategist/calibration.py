"""What was measured for the adaptive policy, on whose corpus, and the one number that conformal risk control chose.

Plain JSON with a schema version and a hash. `sentinel-bench calibrate` writes it; production only reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from defenses import DEFENSES
from sentinel.errors import ConfigurationError, DataError
from sentinel.manifest import Need
from sentinel.threat_models import ThreatModels, shipped_models
from sentinel.vocabulary import Threat
from strategist.plan import PlannedDefense

SHIPPED = Path(__file__).parent / "calibration.json"
MODELS = "models.json"
"""What `sentinel-bench calibrate` writes beside a calibration."""


Origin = Literal["client", "history", "corpus"]
"""Where a threat comes from, and how a defense can tell: what a client asks, what he asked before, what was written."""


def _check_points(points: tuple[tuple[float, float], ...], what: str) -> None:
    if not all(0.0 < p < 1.0 and 0.0 <= value <= 1.0 for p, value in points):
        raise ValueError(f"a {what} is a share in [0, 1] at a probability in (0, 1)")
    if any(left >= right for (left, _), (right, _) in pairwise(points)):
        raise ValueError(f"a {what}'s probabilities must rise")


class Option(BaseModel):
    """One defense at one strength, and what it was measured to do when it is on for every request.

    Attributes:
        name: The defense.
        parameters: What differs from its defaults.
        residual: What it leaves of an attack's success, relative to no defense, in [0, 1], by threat and attack. An
            attack that it was not measured against is left as it is.
        cost: What it takes from benign users whose requests look so threatening: points (P, cost), both in [0, 1], P
            ascending, straight between them over log-odds of P and level beyond. P is the largest probability of the
            threats that it is for. A lost share counts in full for the strictest promise, for others in proportion.
        toll: What it takes from those whom an attack through the corpus is aimed at, a share of their good passages in
            [0, 1], by threat and attack, also of threats that it is not for: it is chosen for one attack and strikes
            the victims of another.
        milliseconds: What it takes by its manifest, an order of magnitude.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    residual: dict[Threat, dict[str, float]] = Field(default_factory=dict)
    toll: dict[Threat, dict[str, float]] = Field(default_factory=dict)
    cost: tuple[tuple[float, float], ...] = ()
    milliseconds: float = Field(0.0, ge=0.0, allow_inf_nan=False)

    @field_validator("residual", "toll")
    @classmethod
    def _shares(cls, shares: dict[Threat, dict[str, float]]) -> dict[Threat, dict[str, float]]:
        if not all(0.0 <= share <= 1.0 for by in shares.values() for share in by.values()):
            raise ValueError("a residual or toll is a share in [0, 1]")
        return shares

    @field_validator("cost")
    @classmethod
    def _points(cls, cost: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        _check_points(cost, "cost")
        return cost

    @property
    def origin(self) -> Origin:
        """Where the threats come from that it was measured against, and of those from clients how it can tell.

        What judges a client's past costs those who follow a document up, what judges a question those who quote: each
        has a promise of its own, and one price would leave the one idle where the other is spent.
        """
        if not self.residual or not BY_CLIENT.issuperset(self.residual):
            return "corpus"
        known = self.name in DEFENSES.names()
        return "history" if known and Need.HISTORY in DEFENSES.get(self.name).manifest.needs else "client"

    @property
    def planned(self) -> PlannedDefense:
        """As a plan names it."""
        return PlannedDefense(self.name, self.parameters)


BY_CLIENT = frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION, Threat.UNSAFE_COMPLETION})
"""Threats that come from who asks; the others come through the corpus, and trust in a client says nothing of them."""


class Outcome(BaseModel):
    """Sessions of one attack that every option fares alike with.

    Attributes:
        share: Of the attack's sessions, in [0, 1].
        left: What an option, by its index, leaves of the attack's success in them, in [0, 1]; all of it unless given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(ge=0.0, le=1.0)
    left: dict[int, Annotated[float, Field(ge=0.0, le=1.0)]] = Field(default_factory=dict)


class Promise(BaseModel):
    """What benign sessions of one kind may lose on average, and on how many of them that rests.

    Attributes:
        alpha: The promised bound on the mean loss of the next session.
        sessions: Sessions that it was calibrated on.
        loss: Their mean loss at the chosen setting.
        unseen: The check of the promise: what those lose on average that the setting was not chosen on, over many
            random splits of the sessions; None where there are too few to split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(gt=0.0, le=1.0)
    sessions: int = Field(ge=0)
    loss: float = Field(ge=0.0, le=1.0)
    unseen: float | None = Field(None, ge=0.0, le=1.0)


class Calibration(BaseModel):
    """All that the adaptive policy knows of a corpus. Immutable.

    Attributes:
        schema_version: Of the file.
        options: What may be chosen.
        together: For each threat and attack its sessions in groups: what several options leave together is what the
            best of them leaves, group by group. Where nothing is said, what the best of them leaves alone.
        mixture: For each threat, which of its attacks a request is that looks so threatening: by attack points (P,
            share of the attacks' requests there), P ascending, straight between them over log-odds of P and level
            beyond. Alike where nothing is said. A request that an echo gives away is no fluent text without one.
        price: The lambda of the objective: how much a lost share of benign recall weighs against a threat. None
            stands for infinity: the calibration found no intervention that keeps the promise.
        rates: By origin of the threat (`client`, `history`, `corpus`), what the price is multiplied with; see `rate`.
            One price for all would be set by whichever hurts first, and leave the others idle. `sentinel-bench
            calibrate` puts all that it chose here, and 1 for the price.
        promises: By kind of benign traffic.
        models: Hash of the threat models that it was measured with.
        fitted_on: Where it comes from, for reports.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    options: tuple[Option, ...] = ()
    together: dict[Threat, dict[str, tuple[Outcome, ...]]] = Field(default_factory=dict)
    mixture: dict[Threat, dict[str, tuple[tuple[float, float], ...]]] = Field(default_factory=dict)
    price: float | None = Field(1.0, ge=0.0)
    rates: dict[Origin, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(default_factory=dict)
    promises: dict[str, Promise] = Field(default_factory=dict)
    models: str = ""
    fitted_on: str = ""

    @field_validator("mixture")
    @classmethod
    def _shares_at(
        cls, mixture: dict[Threat, dict[str, tuple[tuple[float, float], ...]]]
    ) -> dict[Threat, dict[str, tuple[tuple[float, float], ...]]]:
        for by in mixture.values():
            for points in by.values():
                _check_points(points, "share")
        return mixture

    @model_validator(mode="after")
    def _once(self) -> Calibration:
        known = {(o.name, repr(sorted(o.parameters.items()))) for o in self.options}
        if len(known) != len(self.options):
            raise ValueError("an option stands there twice")
        for threat, by in self.together.items():
            for name, groups in by.items():
                measured = {i for i, option in enumerate(self.options) if name in option.residual.get(threat, {})}
                if any(not measured.issuperset(group.left) for group in groups):
                    raise ValueError(f"what options leave together of {name} names one not measured against it")
        return self

    def rate(self, origin: Origin) -> float:
        """What the price is multiplied with: 1 unless given; a client's past, as what he asks unless told apart."""
        return self.rates.get(origin, self.rates.get("client", 1.0) if origin == "history" else 1.0)

    def only(self, *origins: Origin) -> Calibration:
        """What is known of the options of one or more origins, as if there were no others."""
        kept = [i for i, option in enumerate(self.options) if option.origin in origins]
        place = {old: new for new, old in enumerate(kept)}
        together = {
            threat: {
                name: tuple(
                    Outcome(share=g.share, left={place[i]: left for i, left in g.left.items() if i in place})
                    for g in groups
                )
                for name, groups in by.items()
            }
            for threat, by in self.together.items()
        }
        options = tuple(self.options[i] for i in kept)
        return self.model_copy(update={"options": options, "together": together})

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the artefact's JSON."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()[:16]

    def attacks(self) -> Mapping[Threat, tuple[str, ...]]:
        """The attacks that any option was measured against, by threat."""
        found: dict[Threat, dict[str, None]] = {}
        for option in self.options:
            for threat, by in option.residual.items():
                found.setdefault(threat, {}).update(dict.fromkeys(by))
        return {threat: tuple(names) for threat, names in found.items()}

    def dumps(self) -> str:
        """As JSON text."""
        return self.model_dump_json(indent=1)

    @classmethod
    def loads(cls, text: str, where: str = "calibration") -> Calibration:
        """Read what `dumps` wrote.

        Raises:
            DataError: Not JSON, another schema, or values out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise DataError(f"{where}: not a calibration of this version ({place}: {first['msg']})") from None

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file. See `loads`."""
        try:
            return cls.loads(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error


def models_of(calibration: Calibration | None, file: Path | None, given: ThreatModels | None) -> ThreatModels:
    """The models that a calibration was measured with: those given, the shipped ones, or those beside its file.

    Args:
        calibration: None, or one that names no models, goes with any.
        file: Where it was read from, if it was.
        given: Models that somebody chose; nothing else is looked at then.

    Raises:
        ConfigurationError: They are not the ones. What was measured under other probabilities holds no longer.
        DataError: The file beside it holds no models.
    """
    wanted = "" if calibration is None else calibration.models
    beside = None if file is None else file.parent / MODELS
    models = given or shipped_models()
    if given is None and wanted not in ("", models.hash) and beside is not None and beside.is_file():
        models = ThreatModels.load(beside)
    if wanted not in ("", models.hash):
        raise ConfigurationError(
            f"the calibration was measured with models {wanted}, and these are {models.hash}: give the {MODELS} that "
            "it was made with, put it beside the calibration, or calibrate anew"
        )
    return models


@lru_cache(maxsize=1)
def shipped_calibration() -> Calibration:
    """The calibration that comes with the package, measured on the bundled data set."""
    return Calibration.load(SHIPPED)
