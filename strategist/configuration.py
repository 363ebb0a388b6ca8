"""One configuration for the whole runtime, from a `sentinel.yaml` or built in Python.

Everything is checked before anything is built: an unknown key at any depth is refused with the nearest name and the
file's line, and no message ever shows a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from sentinel.errors import ConfigurationError, unknown_name
from sentinel.vocabulary import MAX_K
from strategist import _yaml
from strategist._named import Named
from strategist._runtime import Attach, Measured, Sink
from strategist._section import AnchoredPath, ModelName, Section, at, folder_of
from strategist.answer_configuration import AnswerSpec
from strategist.callers import CallerDefaults
from strategist.engine import FailureMode
from strategist.policies import POLICIES, Policy, build_policy
from strategist.resilience import Resilience

DEFAULT_POLICY = "adaptive"
SECRETS = ("state", "hash_key")
"""Keys in which `${NAME}` stands for an environment variable."""
_TAGS = ("jsonl", "logging", "otel")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class PolicySpec(Named):
    """Which policy plans, and its parameters. In YAML a bare name will do.

    Attributes:
        name: As `sentinel-bench list policies` shows it.
        parameters: What differs from its defaults.
    """

    name: str = DEFAULT_POLICY

    @model_validator(mode="after")
    def _known(self) -> PolicySpec:
        try:
            fields = POLICIES.get(self.name).model_fields
        except ConfigurationError as error:
            raise at(("name",), error) from None
        for key in self.parameters:
            if key not in fields or key == "calibration":
                kind = f"parameter of policy {self.name}"
                raise at(("parameters", key), unknown_name(kind, key, fields.keys() - {"calibration"}))
        try:
            self.build()
        except ConfigurationError as error:
            raise at(("parameters",), error) from None
        return self

    def build(self) -> Policy:
        """The policy itself."""
        return build_policy(self.name, self.parameters)


class JsonlSpec(Section):
    """A `JsonlSink`; see there for what each field means."""

    kind: Literal["jsonl"]
    path: AnchoredPath
    max_bytes: int = Field(64 * 1024 * 1024, ge=1)
    backups: int = Field(10, ge=1)
    daily: bool = False
    text: bool = False
    flush: Literal["os", "disk"] = "os"

    def build(self) -> Sink:
        """The sink itself."""
        from strategist.sinks.jsonl import JsonlSink

        return JsonlSink(**self.model_dump(exclude={"kind"}))


class LoggingSpec(Section):
    """A `LoggingSink`; see there for what each field means."""

    kind: Literal["logging"]
    logger: str = Field("sentinel_strategist.decisions", min_length=1)
    text: bool = False

    def build(self) -> Sink:
        """The sink itself."""
        from strategist.sinks.logging import LoggingSink

        return LoggingSink(self.logger, text=self.text)


class OtelSpec(Section):
    """An `OpenTelemetrySink` on the global providers."""

    kind: Literal["otel"]

    def build(self) -> Sink:
        """The sink itself."""
        from strategist.sinks.otel import OpenTelemetrySink

        return OpenTelemetrySink()


SinkSpec = Annotated[JsonlSpec | LoggingSpec | OtelSpec, Field(discriminator="kind")]


class SentinelConfig(Section):
    """The whole runtime's configuration. Immutable; `docs/configuration.md` describes each key.

    Attributes:
        policy: Which policy plans.
        k: Documents served; None for the base's own number.
        on_error: What becomes of a request when a part of it fails.
        shadow: Record decisions and change nothing.
        sample: Share of the clients that are defended, 1 if not given; the others are served as in shadow mode.
        signals: Which signals to measure: those that somebody reads, or all.
        attach: What goes into each document's metadata.
        profile: Folder of a corpus profile (`sentinel-bench scan`).
        models: Models file (`sentinel-bench fit`).
        calibration: Calibration file (`sentinel-bench calibrate`).
        prevalence: Share of requests that is assumed to carry each threat; None for the models' own.
        embeddings: `local`, a folder or a hub id, where the base does not show its model.
        exact: Overrules what is known of the base: True if the first k of a longer list are what it serves for k.
        state: Url of ledger, history and trust: `memory:`, `sqlite:///FILE` or `redis://...`.
        hash_key: Secret that makes the hashes in records HMACs.
        sinks: Where decision records go.
        resilience: Time limits, circuit breakers, bulkhead.
        allow: File with what an operator found to be false alarms.
        callers: What holds for callers that do not say who they are, and for tenants.
        answer: What `DefendedRAG` takes beside its retriever. A retriever alone has no use for it.

    Raises:
        ConfigurationError: A key is unknown, a value impossible.
    """

    policy: PolicySpec = Field(default_factory=lambda: PolicySpec())
    k: int | None = Field(None, ge=1, le=MAX_K, strict=True)
    on_error: FailureMode = FailureMode.DEGRADE
    shadow: bool = False
    sample: float | None = Field(None, ge=0.0, le=1.0)
    signals: Measured = "needed"
    attach: Attach = "id"
    profile: AnchoredPath | None = None
    models: AnchoredPath | None = None
    calibration: AnchoredPath | None = None
    prevalence: float | None = Field(None, gt=0.0, lt=1.0)
    embeddings: ModelName | None = None
    exact: bool | None = None
    state: SecretStr | None = Field(None, min_length=1)
    hash_key: SecretStr | None = Field(None, min_length=1)
    sinks: tuple[SinkSpec, ...] = ()
    resilience: Resilience | None = None
    allow: AnchoredPath | None = None
    callers: CallerDefaults = Field(default_factory=CallerDefaults)
    answer: AnswerSpec | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            context = info.context or {}
            # A misspelt key is told before the one that is missing for it.
            worst = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
            raise _explained(worst, context.get("where", ""), context.get("lines", {})) from None

    @model_validator(mode="after")
    def _anchor(self, info: ValidationInfo) -> SentinelConfig:
        folder = folder_of(info)  # `sqlite:///name` holds a path inside a text
        if folder is None:
            return self
        url = "" if self.state is None else self.state.get_secret_value()
        file = url.removeprefix("sqlite:///")
        if file != url and file and not file.startswith(("/", ":")):
            object.__setattr__(self, "state", SecretStr(f"sqlite:///{folder / file}"))
        return self

    @classmethod
    def load(cls, path: Path | str) -> SentinelConfig:
        """Read a `sentinel.yaml`. Relative paths in it count from the file's folder.

        Raises:
            ConfigurationError: It cannot be read, is not YAML, names an environment variable that is not set, or
                holds an unknown key or an impossible value.
        """
        path = Path(path).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: cannot be read ({type(error).__name__}: {error})") from None
        data, lines = _yaml.read(text, str(path))
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise ConfigurationError(f"{path}: a configuration is a mapping of keys, not a {type(data).__name__}")
        data = _interpolated(data, (), lines, str(path))
        context = {"folder": path.resolve().parent, "lines": lines, "where": str(path)}
        return cls.model_validate(data, context=context)

    @classmethod
    def of(cls, config: SentinelConfig | Path | str) -> SentinelConfig:
        """A configuration as it is, or loaded from its path."""
        return config if isinstance(config, SentinelConfig) else cls.load(config)

    def options(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What `DefendedRetriever` is to be built with.

        Args:
            given: Options from Python; sinks come on top, nothing else may stand in both.

        Raises:
            ConfigurationError: Something stands in both, the embedding model is not there, or a sink's folder.
        """
        given = dict(given or {})
        parts = self.model_fields_set | {"callers"}
        made: dict[str, Any] = {
            name: value
            for name in type(self).model_fields.keys() & parts
            if name not in {"policy", "embeddings", "state", "sinks", "answer"}
            and (value := getattr(self, name)) is not None
        }
        made["policy"] = self.policy.build()
        if self.embeddings is not None:
            from strategist.embeddings import load_embeddings

            made["embeddings"] = load_embeddings(self.embeddings)
        if self.state is not None:
            made["state"] = self.state.get_secret_value()
        sinks = tuple(given.pop("sinks", ()))
        both = sorted(made.keys() & given.keys())
        if both:
            raise ConfigurationError(f"{both[0]} is given in Python and in the configuration")
        return {**made, **given, "sinks": (*(spec.build() for spec in self.sinks), *sinks)}


def _interpolated(value: Any, at: _yaml.Key, lines: dict[_yaml.Key, int], where: str) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(inner, (*at, key), lines, where) for key, inner in value.items()}
    if isinstance(value, list):
        return [_interpolated(inner, (*at, place), lines, where) for place, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    place = f"{where}:{lines[at]}: {_dotted(at)}"
    if len(at) != 1 or at[0] not in SECRETS:
        raise ConfigurationError(f"{place}: environment variables are read in {' and '.join(SECRETS)} only")
    if "${" in _VARIABLE.sub("", value):
        raise ConfigurationError(f"{place}: '${{' begins no environment variable's name")

    def looked_up(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise ConfigurationError(f"{place}: the environment variable {match[1]} is not set")
        return found

    return _VARIABLE.sub(looked_up, value)


def _explained(error: ErrorDetails, where: str, lines: dict[_yaml.Key, int]) -> ConfigurationError:
    """One of pydantic's errors in one line of ours: where, what, and the nearest name."""
    key = _plain(error["loc"])
    key += error.get("ctx", {}).get("place", ())
    while key and key not in lines and lines:
        key = key[:-1]
    prefix = f"{where}:{lines[key]}: " if key in lines else f"{where}: " if where else ""
    if error["type"] == "said":
        return ConfigurationError(prefix + error["msg"])
    name = str(error["loc"][-1]) if error["loc"] else "configuration"
    if error["type"] == "extra_forbidden":
        inside = _dotted(key[:-1])
        return ConfigurationError(
            prefix + str(unknown_name(f"key of {inside}" if inside else "key", name, _known(error["loc"])))
        )
    shown = _dotted(_plain(error["loc"])) or "configuration"
    value = error["input"]
    if error["type"] in ("missing", "union_tag_not_found"):
        inner = ".kind" if error["type"] == "union_tag_not_found" else ""
        return ConfigurationError(f"{prefix}{shown}{inner} is missing")
    if error["type"] == "union_tag_invalid":
        return ConfigurationError(prefix + str(unknown_name("kind of sink", error["ctx"]["tag"], _TAGS)))
    secret = bool(error["loc"]) and error["loc"][0] in SECRETS
    if not secret and (value is None or isinstance(value, str | int | float)):
        shown = f"{shown} = {value!r:.80}"
    return ConfigurationError(f"{prefix}{shown}: {error['msg']}")


def _known(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that would have been right where an error lies."""
    classes: list[type[BaseModel]] = [SentinelConfig]
    known: list[str] = list(SentinelConfig.model_fields)
    for part in loc:
        known = [name for one in classes for name in one.model_fields]
        chosen = [one for one in classes if part in get_args(getattr(one.model_fields.get("kind"), "annotation", None))]
        if chosen:
            classes = chosen
        else:
            fields = [field for one in classes for name, field in one.model_fields.items() if name == part]
            classes = [model for field in fields for model in _models(field.annotation)] or classes
    return known


def _plain(loc: tuple[int | str, ...]) -> _yaml.Key:
    """A place without the marks that pydantic puts in for the alternatives of a union (`sinks.0.jsonl.path`)."""
    return tuple(part for i, part in enumerate(loc) if not (i == 2 and loc[0] == "sinks" and part in _TAGS))


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _dotted(key: _yaml.Key) -> str:
    return ".".join(str(part) for part in key)
