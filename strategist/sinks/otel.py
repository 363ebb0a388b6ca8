"""Decisions as OpenTelemetry spans and metrics. Nothing where OpenTelemetry is not installed.

No attribute holds text, and none a hash of one: telemetry goes to places where nobody weighs who may read it.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from strategist.decision import Decision
from strategist.sinks._answers import STAGES, interference

NAME = "sentinel_strategist"


class OpenTelemetrySink:
    """A span for each decision, from its request's arrival to its end, and metrics.

    - `sentinel.requests`, counter, by policy, mode and outcome (see `Decision.outcome`);
    - `sentinel.documents.hidden`, counter, by defense;
    - `sentinel.documents.missing`, counter, by policy;
    - `sentinel.failures`, counter, by component and by what the failure mode made of it;
    - `sentinel.duration`, histogram in milliseconds, by stage (`total` is all of it);
    - `sentinel.answers`, counter, by generator and by what became of them (see `AnswerPart.outcome`);
    - `sentinel.answers.calls`, counter of prompts that a generator was given, by generator;
    - `sentinel.answers.checked`, counter of the times that a defense changed or stopped an answer, by defense.

    The span is a child of the one that is current where the retriever or chain was called. Where an answer was asked
    for, its attributes that begin with `sentinel.answer.` say how, and what was done about it.

    Args:
        tracer_provider: OpenTelemetry's `TracerProvider`; None for the global one.
        meter_provider: OpenTelemetry's `MeterProvider`; None for the global one.

    Attributes:
        active: False where OpenTelemetry is not installed; the sink then does nothing.
    """

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        self.active = importlib.util.find_spec("opentelemetry") is not None
        if not self.active:
            return
        from opentelemetry import metrics, trace

        self._tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(NAME, meter_provider=meter_provider)
        self._requests = meter.create_counter("sentinel.requests", "{request}", "requests served")
        self._hidden = meter.create_counter("sentinel.documents.hidden", "{document}", "documents that were dropped")
        self._missing = meter.create_counter("sentinel.documents.missing", "{document}", "documents short of k")
        self._failures = meter.create_counter("sentinel.failures", "{failure}", "parts that failed")
        self._duration = meter.create_histogram("sentinel.duration", "ms", "time by stage")
        self._answers = meter.create_counter("sentinel.answers", "{answer}", "answers")
        self._calls = meter.create_counter("sentinel.answers.calls", "{prompt}", "prompts that a generator was given")
        self._checked = meter.create_counter("sentinel.answers.checked", "{answer}", "answers changed or stopped")

    def __call__(self, decision: Decision) -> None:
        """Record one decision."""
        if not self.active:
            return
        from opentelemetry.trace import Status, StatusCode

        total = decision.milliseconds.get("total", 0.0)
        start = round(decision.at * 1e6) * 1000  # a float holds microseconds since 1970, not nanoseconds
        span = self._tracer.start_span("sentinel.decision", start_time=start, attributes=attributes(decision))
        if decision.outcome == "failed":
            span.set_status(Status(StatusCode.ERROR, ", ".join(decision.errors)))
        span.end(start + int(total * 1e6))
        policy = {"policy": decision.policy}
        self._requests.add(1, {**policy, "mode": decision.mode, "outcome": decision.outcome})
        for done in decision.outcomes:
            if done.dropped:
                self._hidden.add(len(done.dropped), {"defense": done.defense})
        if decision.missing:
            self._missing.add(decision.missing, policy)
        for component, made in decision.errors.items():
            self._failures.add(1, {"component": component, "became": made.rpartition("; ")[2]})
        for stage, spent in decision.milliseconds.items():
            self._duration.record(spent, {**policy, "stage": stage})
        if (part := decision.answer) is not None:
            generator = {"generator": part.generator}
            self._answers.add(1, {**generator, "mode": decision.mode, "outcome": part.outcome})
            self._calls.add(part.calls, generator)
            for did, defenses in interference(decision)._asdict().items():
                for defense in defenses:
                    self._checked.add(1, {"defense": defense, "did": did})


def attributes(decision: Decision) -> dict[str, Any]:
    """A span's attributes: numbers and names of components."""
    values: dict[str, Any] = {
        "sentinel.decision.id": decision.id,
        "sentinel.policy": decision.policy,
        "sentinel.config": decision.config_hash,
        "sentinel.mode": decision.mode,
        "sentinel.outcome": decision.outcome,
        "sentinel.k": decision.request.k,
        "sentinel.fetched": decision.fetched,
        "sentinel.served": len(decision.served),
        "sentinel.hidden": len(decision.dropped),
        "sentinel.missing": decision.missing,
        "sentinel.defenses": list(decision.plan.names),
        "sentinel.failed": list(decision.errors),
    }
    for threat, probability in decision.profile.probabilities.items():
        values[f"sentinel.probability.{threat.value}"] = probability
    return values | _of_answer(decision)


def _of_answer(decision: Decision) -> dict[str, Any]:
    part = decision.answer
    if part is None:
        return {}
    done = interference(decision)
    values: dict[str, Any] = {
        "outcome": part.outcome,
        "generator": part.generator,
        "config": part.config,
        "streamed": part.streamed,
        "prompt": list(part.prompt),
        "calls": part.calls,
        "dropped": len(part.dropped),
        "checks": [found.defense for found in part.findings],
        "changed": list(done.changed),
        "stopped": list(done.stopped),
    }
    if part.generation is not None:
        values["generation"] = part.generation
    if part.spent is not None:
        values["epsilon"], values["delta"] = part.spent
    for stage in STAGES:
        if stage in decision.milliseconds:
            values[f"{stage}_ms"] = decision.milliseconds[stage]
    return {f"sentinel.answer.{name}": value for name, value in values.items()}
