"""One span of OpenTelemetry a burst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worker_house import ANSWER, ASK, SERVICE, House, answer, asking, consumed, event, flow, sleeping

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.worker.spans import Spans, TracingMissing, open_spans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytest.importorskip("opentelemetry.sdk", reason='the extra is not installed: pip install "evenweave[otel]"')

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INCOMING = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def exporter() -> Any:
    """Spans as they are exported."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
async def house(exporter: Any) -> AsyncIterator[House]:
    """A house that traces."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    clock = JumpingClock()
    whole = await Whole.start(None, clock=clock, spans=Spans(provider.get_tracer("test"), provider))
    await whole.catalog.register("shop.yaml", SERVICE)
    made = House(whole, clock)
    await made.register(
        flow(
            "order",
            {"name": "start", "type": "event", "onEvents": [{"eventRefs": ["New"]}]},
            asking("ask"),
            sleeping("rest", "PT5S"),
            events=[consumed("New"), ASK, ANSWER],
        )
    )
    yield made
    await whole.stop()


def parent_id(span: Any) -> str | None:
    """The span id of a span's parent."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


async def test_burst_is_a_span_between_its_event_and_what_it_publishes(house: House, exporter: Any) -> None:
    """The parent is the incoming event; the trigger, and so the reply, carries the span; a deadline begins a trace."""
    await house.publish(event("1", "new", traceparent=INCOMING, tracestate="a=b"))
    (first,) = exporter.get_finished_spans()
    (instance,) = await house.instances()
    assert first.name == "burst order"
    assert (f"{first.context.trace_id:032x}", parent_id(first)) == (TRACE, PARENT)
    assert first.attributes["evenweave.instance"] == instance.id
    assert first.attributes["evenweave.definition"] == "order"
    assert first.attributes["evenweave.causes"] == ("begin new /test 1",)
    assert first.attributes["evenweave.status"] == "waiting"
    (ask,) = await house.log("ask")
    assert ask["traceparent"] == f"00-{TRACE}-{first.context.span_id:016x}-01"
    assert ask["tracestate"] == "a=b"
    await house.publish(answer(ask, traceparent=ask["traceparent"]), channel="answer")
    second = exporter.get_finished_spans()[1]
    assert (f"{second.context.trace_id:032x}", parent_id(second)) == (TRACE, f"{first.context.span_id:016x}")
    await house.jump(6)
    third = exporter.get_finished_spans()[2]
    assert (third.attributes["evenweave.causes"], third.parent) == (("deadline",), None)
    assert third.attributes["evenweave.status"] == "completed"
    assert await house.statuses() == ["completed"]


async def test_trace_goes_through_without_spans(exporter: Any) -> None:
    """Where nothing makes spans, the trigger carries the trace context of the event that caused it, unchanged."""
    whole = await Whole.start(None, clock=JumpingClock())
    try:
        await whole.catalog.register("shop.yaml", SERVICE)
        house = House(whole, JumpingClock())
        start = {"name": "start", "type": "event", "onEvents": [{"eventRefs": ["New"]}]}
        await house.register(flow("order", start, asking("ask"), events=[consumed("New"), ASK, ANSWER]))
        await house.publish(event("1", "new", traceparent=INCOMING, tracestate="a=b"))
        (ask,) = await house.log("ask")
        assert (ask["traceparent"], ask["tracestate"]) == (INCOMING, "a=b")
        assert exporter.get_finished_spans() == ()
    finally:
        await whole.stop()


def test_spans_are_made_where_they_are_asked_for() -> None:
    """A flag or OpenTelemetry's own variables turn them on, and these turn them off again."""
    assert open_spans(asked=False, environment={}) is None
    assert open_spans(asked=True, environment={"OTEL_TRACES_EXPORTER": "none"}) is None
    assert open_spans(asked=True, environment={"OTEL_SDK_DISABLED": "true"}) is None
    for spans in (
        open_spans(asked=True, environment={"OTEL_TRACES_EXPORTER": "console"}),
        open_spans(asked=False, environment={"OTEL_TRACES_EXPORTER": "console"}),
    ):
        assert spans is not None
        spans.stop()
    with pytest.raises(TracingMissing, match="carrier-pigeon"):
        open_spans(asked=True, environment={"OTEL_TRACES_EXPORTER": "carrier-pigeon"})
