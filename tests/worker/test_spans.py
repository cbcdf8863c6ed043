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


NEW = {"name": "start", "type": "event", "onEvents": [{"eventRefs": ["New"]}]}
CALL = {"name": "call", "type": "operation", "actions": [{"subFlowRef": "child"}]}
TOLD = {"name": "Told", "type": "told", "kind": "produced"}
SAID = {"name": "Said", "type": "said", "kind": "produced"}


def saying(name: str, event: str, **rest: Any) -> dict[str, Any]:
    """A state that publishes an event at its end."""
    return {"name": name, "type": "inject", "data": {}, "end": {"produceEvents": [{"eventRef": event}], **rest}}


async def register_family(house: House) -> None:
    """A parent, its subflow, and what goes on for that; each of the last two publishes."""
    await house.register(flow("parent", NEW, CALL, saying("tell", "Told"), events=[consumed("New"), TOLD]))
    await house.register(flow("child", saying("say", "Said", continueAs="next"), events=[SAID]))
    await house.register(flow("next", saying("say", "Said"), events=[SAID]))


async def test_trace_goes_to_subflows_and_what_goes_on_and_back() -> None:
    """Without spans the subflow publishes in the trace of the event that started its parent, and so does each after."""
    clock = JumpingClock()
    whole = await Whole.start(None, clock=clock)
    try:
        house = House(whole, clock)
        await register_family(house)
        await house.publish(event("1", "new", traceparent=INCOMING, tracestate="a=b"))
        assert await house.statuses() == ["completed"] * 3
        published = [*await house.log("said"), *await house.log("told")]
        assert [(each["traceparent"], each["tracestate"]) for each in published] == [(INCOMING, "a=b")] * 3
        await house.publish(event("2", "new"))
        assert ["traceparent" in each for each in await house.log("said")] == [True, True, False, False]
    finally:
        await whole.stop()


async def test_spans_of_a_family_are_one_trace(house: House, exporter: Any) -> None:
    """The span of a subflow's beginning is a child of its parent's; the parent goes on below the last one's."""
    await register_family(house)
    await house.publish(event("1", "new", traceparent=INCOMING))
    spans = exporter.get_finished_spans()
    family = [span for span in spans if span.name != "burst order"]
    assert [span.name for span in family] == ["burst parent", "burst child", "burst next", "burst parent"]
    assert {f"{span.context.trace_id:032x}" for span in family} == {TRACE}
    ids = [f"{span.context.span_id:016x}" for span in family]
    assert [parent_id(span) for span in family] == [PARENT, *ids[:3]]
    assert [each["traceparent"].split("-")[2] for each in await house.log("said")] == ids[1:3]
