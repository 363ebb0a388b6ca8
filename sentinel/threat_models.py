"""The models of all threats, stored as one JSON file that is known by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from sentinel.errors import DataError
from sentinel.models import SUSPECT, SurpriseModel
from sentinel.vocabulary import Threat

SCHEMA = 3
SHIPPED = Path(__file__).parent / "models.json"


@dataclass(frozen=True)
class ThreatModels:
    """The models of every threat, at request and at candidate level.

    Attributes:
        request: P(threat) of a request, by threat.
        candidate: P(threat) of one candidate, by threat.
        prevalence: Share of requests that is assumed to carry each threat.
        fitted_on: Where the models come from, for reports.
    """

    request: Mapping[Threat, SurpriseModel] = field(default_factory=dict)
    candidate: Mapping[Threat, SurpriseModel] = field(default_factory=dict)
    prevalence: float = 0.01
    fitted_on: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.prevalence < 1.0:
            raise DataError(f"a prevalence must lie in (0, 1), not {self.prevalence}")

    def at(self, prevalence: float) -> ThreatModels:
        """The same models where another share of requests is assumed to carry each threat (Bayes' rule).

        The candidates' prevalence moves along by the same odds, and with it what requests read off them.
        """
        moved = replace(self, prevalence=prevalence)
        shift = float(np.log(prevalence / (1 - prevalence)) - np.log(self.prevalence / (1 - self.prevalence)))
        candidate = {t: replace(m, bias=m.bias + shift) for t, m in self.candidate.items()}
        request = {
            t: replace(
                m,
                bias=m.bias + shift,
                curves={
                    name: replace(c, values=c.values + shift) if name.endswith(SUSPECT) else c
                    for name, c in m.curves.items()
                },
            )
            for t, m in self.request.items()
        }
        return replace(moved, request=request, candidate=candidate)

    @cached_property
    def signals(self) -> frozenset[str]:
        """Names of the signals that the models read."""
        models = (*self.request.values(), *self.candidate.values())
        return frozenset(name.partition(":")[0] for m in models for name in m.curves if not name.endswith(SUSPECT))

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the models' JSON."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()[:16]

    def dumps(self) -> str:
        """The models as JSON text, keys sorted."""
        data = {
            "schema": SCHEMA,
            "prevalence": self.prevalence,
            "fitted_on": self.fitted_on,
            "request": {t.value: m.to_json() for t, m in self.request.items()},
            "candidate": {t.value: m.to_json() for t, m in self.candidate.items()},
        }
        return json.dumps(data, indent=1, sort_keys=True)

    @classmethod
    def loads(cls, text: str, where: str = "models") -> ThreatModels:
        """Read what `dumps` wrote.

        Raises:
            DataError: Not JSON, another schema, or numbers that no model can hold.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise DataError(f"{where}: schema {data['schema']}, this version reads {SCHEMA}")
            return cls(
                {Threat(t): SurpriseModel.from_json(m) for t, m in data["request"].items()},
                {Threat(t): SurpriseModel.from_json(m) for t, m in data["candidate"].items()},
                float(data["prevalence"]),
                str(data["fitted_on"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: not a models file ({type(error).__name__}: {error})") from error

    @classmethod
    def load(cls, path: Path) -> ThreatModels:
        """Read a models file. See `loads`."""
        try:
            return cls.loads(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error


@lru_cache(maxsize=1)
def shipped_models() -> ThreatModels:
    """The models that come with the package, fitted on the bundled data set."""
    return ThreatModels.load(SHIPPED)
