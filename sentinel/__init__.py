"""Sentinel: what a query, its client and the retrieved documents look like, as calibrated probabilities."""

from sentinel.corpus import CorpusProfile
from sentinel.errors import (
    ComponentError,
    ConfigurationError,
    DataError,
    SentinelError,
    UncalibratedWarning,
)
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Manifest, Need, SignalManifest, Stage
from sentinel.profile import Reason, RiskProfile
from sentinel.sensing import Sentinel
from sentinel.signals import SIGNALS, Measurement, Signal
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Candidate, IngestionFacts, Request, Threat, Vector, unit

__version__ = "0.1.0"

__all__ = [
    "SIGNALS",
    "Candidate",
    "ComponentError",
    "ConfigurationError",
    "CorpusProfile",
    "Cost",
    "DataError",
    "Evidence",
    "IngestionFacts",
    "Manifest",
    "Measurement",
    "Need",
    "Reason",
    "Request",
    "RiskProfile",
    "Sentinel",
    "SentinelError",
    "Signal",
    "SignalManifest",
    "Stage",
    "Threat",
    "ThreatModels",
    "UncalibratedWarning",
    "Vector",
    "unit",
]
