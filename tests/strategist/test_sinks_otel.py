"""Decisions as OpenTelemetry spans and metrics: real SDK, no text in any attribute, nothing where it is absent."""

import asyncio
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sentinel import Request, RiskProfile, Threat
from strategist import AnswerPart, Decision, DefendedRetriever, Finding, Outcome
from strategist.decision import text_hash
from strategist.sinks import OpenTelemetrySink
from tests.strategist.rag_world import Redact, Scripted, rag
from tests.strategist.world import QUERY, Ranked, plan, planted, policy

CALLER = {"configurable": {"client_id": "client-77", "tenant": "tenant-12"}}


@pytest.fixture
def telemetry():
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider(metric_readers=[reader])
    tracers.add_span_processor(SimpleSpanProcessor(spans))

    def points():
        data = reader.get_metrics_data()
        return {
            (metric.name, *sorted(point.attributes.items())): getattr(point, "value", None)
            or getattr(point, "sum", None)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }

    return OpenTelemetrySink(tracers, meters), spans, points, tracers


def decision(**changes):
    return Decision(Request("who is Amanda Ripley", 3, "client-77", time=0.0), "rules", "abc", **changes)


def test_a_span_from_arrival_to_end(telemetry):
    sink, spans, _, _ = telemetry
    made = decision(
        plan=plan("a", "b"),
        profile=RiskProfile(probabilities={Threat.POISONING: 0.75}),
        outcomes=[Outcome("a", 3, 1, ((1, "x"), (2, "x")))],
        fetched=3,
        served=(0,),
        missing=2,
        milliseconds={"total": 12.5, "sense": 2.0},
        at=1_700_000_000.25,
    )
    sink(made)
    (span,) = spans.get_finished_spans()
    assert span.name == "sentinel.decision"
    assert (span.start_time, span.end_time - span.start_time) == (1_700_000_000_250_000_000, 12_500_000)
    assert span.status.is_ok
    assert dict(span.attributes) == {
        "sentinel.decision.id": made.id,
        "sentinel.policy": "rules",
        "sentinel.config": "abc",
        "sentinel.mode": "enforced",
        "sentinel.outcome": "defended",
        "sentinel.k": 3,
        "sentinel.fetched": 3,
        "sentinel.served": 1,
        "sentinel.hidden": 2,
        "sentinel.missing": 2,
        "sentinel.defenses": ("a", "b"),
        "sentinel.failed": (),
        "sentinel.probability.poisoning": 0.75,
    }


def test_the_metrics(telemetry):
    sink, spans, points, _ = telemetry
    hidden = [Outcome("a", 3, 1, ((1, "x"), (2, "x"))), Outcome("b", 1, 1)]
    sink(decision(plan=plan("a", "b"), outcomes=hidden, missing=2, milliseconds={"total": 12.5, "sense": 2.0}))
    sink(decision(errors={"policy x": "ValueError; closed"}, milliseconds={"total": 1.5}))
    sink(decision())
    policy, enforced = ("policy", "rules"), ("mode", "enforced")
    assert points() == {
        ("sentinel.requests", enforced, ("outcome", "defended"), policy): 1,
        ("sentinel.requests", enforced, ("outcome", "failed"), policy): 1,
        ("sentinel.requests", enforced, ("outcome", "untouched"), policy): 1,
        ("sentinel.documents.hidden", ("defense", "a")): 2,
        ("sentinel.documents.missing", policy): 2,
        ("sentinel.failures", ("became", "closed"), ("component", "policy x")): 1,
        ("sentinel.duration", policy, ("stage", "total")): 14.0,
        ("sentinel.duration", policy, ("stage", "sense")): 2.0,
    }
    failed = [span for span in spans.get_finished_spans() if not span.status.is_ok]
    assert [span.attributes["sentinel.failed"] for span in failed if span.attributes["sentinel.failed"]] == [
        ("policy x",)
    ]


def test_a_real_request_and_no_text_nor_hash_of_it(telemetry):
    sink, spans, points, tracers = telemetry
    made = DefendedRetriever.wrap(Ranked(docs=planted(0, 2)), sinks=[sink])
    broken = DefendedRetriever.wrap(Ranked(docs=planted(0)), policy=policy(ValueError(QUERY)), sinks=[sink])
    with tracers.get_tracer("app").start_as_current_span("outer") as outer:
        made.invoke(QUERY, CALLER)
        asyncio.run(made.ainvoke(QUERY, CALLER))
        broken.invoke(QUERY, CALLER)
    found = [span for span in spans.get_finished_spans() if span.name == "sentinel.decision"]
    assert len(found) == 3
    assert {span.parent.span_id for span in found} == {outer.get_span_context().span_id}
    said = " ".join(span.to_json() for span in found) + repr(points())
    secrets = [*(word for word in QUERY.split() if len(word) > 5), "client-77", "tenant-12", "o'clock"]
    secrets += [text_hash(text) for text in (QUERY, "client-77", "tenant-12")]
    assert not any(secret in said for secret in secrets)


def test_an_answer_s_half_of_span_and_metrics(telemetry):
    sink, spans, points, _ = telemetry
    findings = [Finding("g", ("cut",), changed=True), Finding("h"), Finding("i", stopped=True)]
    part = AnswerPart("model", "hash", "changed", True, ("f", "s"), "dp", 6, {3: "x"}, (2.0, 1e-5), findings, "Amanda.")
    sink(decision(answer=part, milliseconds={"total": 9.0, "prompt": 0.5, "generate": 7.25, "check": 1.0}))
    sink(decision(answer=AnswerPart("model", outcome="failed"), errors={"generator": "ValueError; raised"}))
    first, second = spans.get_finished_spans()
    answered = {k: v for k, v in first.attributes.items() if k.startswith("sentinel.answer")}
    assert answered == {
        "sentinel.answer.outcome": "changed",
        "sentinel.answer.generator": "model",
        "sentinel.answer.config": "hash",
        "sentinel.answer.streamed": True,
        "sentinel.answer.prompt": ("f", "s"),
        "sentinel.answer.generation": "dp",
        "sentinel.answer.calls": 6,
        "sentinel.answer.dropped": 1,
        "sentinel.answer.epsilon": 2.0,
        "sentinel.answer.delta": 1e-5,
        "sentinel.answer.checks": ("g", "h", "i"),
        "sentinel.answer.changed": ("g",),
        "sentinel.answer.stopped": ("i",),
        "sentinel.answer.prompt_ms": 0.5,
        "sentinel.answer.generate_ms": 7.25,
        "sentinel.answer.check_ms": 1.0,
    }
    assert second.attributes["sentinel.answer.outcome"] == "failed"
    assert not second.status.is_ok
    model, enforced = ("generator", "model"), ("mode", "enforced")
    found = {key: value for key, value in points().items() if key[0].startswith("sentinel.answer") and value}
    assert found == {
        ("sentinel.answers", model, enforced, ("outcome", "changed")): 1,
        ("sentinel.answers", model, enforced, ("outcome", "failed")): 1,
        ("sentinel.answers.calls", model): 6,
        ("sentinel.answers.checked", ("defense", "g"), ("did", "changed")): 1,
        ("sentinel.answers.checked", ("defense", "i"), ("did", "stopped")): 1,
    }


def test_a_real_answer_and_no_text_nor_hash_of_it(telemetry):
    sink, spans, points, _ = telemetry
    text = "The secret fjord."
    rag(Scripted(text), answer_defenses=[Redact()], sinks=[sink]).invoke(QUERY, CALLER)
    (span,) = spans.get_finished_spans()
    assert span.attributes["sentinel.answer.changed"] == ("redact",)
    said = span.to_json() + repr(points())
    hashes = [text_hash(one) for one in (QUERY, text, "The * fjord.")]
    assert not any(secret in said for secret in ("fjord", "secret", "harbour", "granite", "words", *hashes))


def test_the_global_providers_by_default():
    sink = OpenTelemetrySink()
    assert sink.active
    sink(decision())  # nobody has set any up: nothing happens
    assert trace.get_current_span().get_span_context().span_id == 0


def test_nothing_where_it_is_absent():
    code = (
        "import sys; sys.modules['opentelemetry'] = None;"
        "from sentinel import Request; from strategist import Decision;"
        "from strategist.sinks import OpenTelemetrySink;"
        "sink = OpenTelemetrySink(); assert not sink.active; sink(Decision(Request('q'), 'rules', 'abc'))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
