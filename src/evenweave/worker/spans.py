"""One span of OpenTelemetry a burst (the extra `otel`).

The span's parent is the event that moved the instance; what the burst publishes carries the span's own traceparent, so
that a trace goes on through services and engine. Other causes of the same burst are links. It ends when its transaction
is durable; what is rolled back leaves none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenweave.engine import Cause, Instance

SWITCHES = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "evenweave-engine"
NAMED = 20
"""How many causes a span names."""


class TracingMissing(EvenweaveError):
    """Traces are asked for, and the extra is not installed."""


class Spans:
    """Makes spans with a tracer (``opentelemetry.trace.Tracer``).

    Args:
        tracer: What makes them.
        provider: What is shut down with `stop`, so that the last spans are sent; none where it is somebody else's.
    """

    def __init__(self, tracer: Any, provider: Any = None) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - the extra is asked for only where it is used
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._trace = trace
        self._tracer = tracer
        self._provider = provider
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, instance: Instance, cause: Cause) -> BurstSpan:
        """Begin the span of a burst with its first cause."""
        parent = self._propagator.extract(_carrier(cause))
        span = self._tracer.start_span(
            f"burst {instance.definition}",
            context=parent,
            kind=self._trace.SpanKind.CONSUMER,
            attributes={
                "evenweave.instance": instance.id,
                "evenweave.definition": instance.definition,
                "evenweave.version": instance.version,
            },
        )
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._trace.set_span_in_context(span))
        return BurstSpan(span, carrier, cause)

    def link(self, span: BurstSpan, cause: Cause) -> None:
        """A further cause moved the instance in the same burst."""
        if len(span.causes) < NAMED:
            span.causes.append(_describe(cause))
            context = self._trace.get_current_span(self._propagator.extract(_carrier(cause))).get_span_context()
            if context.is_valid:
                span.span.add_link(context)

    def end(self, spans: Iterable[tuple[BurstSpan, Instance]]) -> None:
        """Bursts became durable."""
        for each, instance in spans:
            span = each.span
            if span.is_recording():
                span.set_attribute("evenweave.causes", each.causes)
                span.set_attribute("evenweave.status", instance.status)
                span.set_attribute("evenweave.revision", instance.revision)
                if instance.status == "faulted":
                    reason = instance.reason
                    span.set_status(self._trace.StatusCode.ERROR, "" if reason is None else reason.title)
            span.end()

    def stop(self) -> None:
        """Send what is not yet sent."""
        if self._provider is not None:
            self._provider.shutdown()


class BurstSpan:
    """The span of a burst, and what it makes events carry."""

    __slots__ = ("_carrier", "causes", "span")

    def __init__(self, span: Any, carrier: dict[str, str], cause: Cause) -> None:
        self.span = span
        self.causes = [_describe(cause)]
        self._carrier = carrier

    @property
    def context(self) -> tuple[str, str]:
        """The traceparent and tracestate of the span, for another instance."""
        return self._carrier.get("traceparent", ""), self._carrier.get("tracestate", "")

    def mark(self, event: dict[str, Any]) -> None:
        """Let an event that the burst publishes carry the span's trace context, instead of its cause's."""
        event.pop("tracestate", None)
        event.update(self._carrier)


def open_spans(*, asked: bool, environment: Mapping[str, str] = os.environ) -> Spans | None:
    """Make spans, where they are asked for or the environment says where to send them; else nothing.

    OpenTelemetry's own variables say the rest: ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_EXPORTER`` (``otlp``,
    ``console`` or ``none``), ``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``.

    Raises:
        TracingMissing: The extra is not installed, or there is no such exporter.
    """
    kind = environment.get("OTEL_TRACES_EXPORTER", "otlp")
    off = kind == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not (asked or any(environment.get(name) for name in SWITCHES)):
        return None
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = _open_exporter(kind)
    except ImportError as error:
        raise TracingMissing(
            f"traces need OpenTelemetry: {error}", 'install it with: pip install "evenweave[otel]"'
        ) from None
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider.get_tracer("evenweave"), provider)


def _open_exporter(kind: str) -> Any:
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter()
    if kind != "otlp":
        raise TracingMissing(f'there is no exporter of traces "{kind}"', "OTEL_TRACES_EXPORTER: otlp, console or none")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter()


def _carrier(cause: Cause) -> dict[str, str]:
    """The trace context of a cause: of its event, or of another instance; a deadline or a command has none."""
    names = ("traceparent", "tracestate")
    event = getattr(cause, "event", None)
    if event is None:
        return {name: value for name in names if (value := getattr(cause, name, ""))}
    return {name: event[name] for name in names if isinstance(event.get(name), str)}


def _describe(cause: Cause) -> str:
    event = getattr(cause, "event", None)
    kind = type(cause).__name__.lower()
    return kind if event is None else f"{kind} {event.get('type', '')} {event.get('source', '')} {event.get('id', '')}"
