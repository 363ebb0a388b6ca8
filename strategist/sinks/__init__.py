"""Where decision records go: one module each. A sink is called with a `Decision`; any callable will do."""

from strategist.sinks.jsonl import JsonlSink, read_decisions
from strategist.sinks.logging import LoggingSink
from strategist.sinks.otel import OpenTelemetrySink

__all__ = ["JsonlSink", "LoggingSink", "OpenTelemetrySink", "read_decisions"]
