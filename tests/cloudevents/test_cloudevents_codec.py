"""Checking, decoding and encoding events as JSON."""

from typing import Any

import pytest

from evenweave.cloudevents import (
    CloudEventError,
    CloudEventTooLarge,
    Limits,
    check,
    decode,
    decode_batch,
    digest,
    encode,
    encode_batch,
)

EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.placed"}


def _event(**attributes: Any) -> dict[str, Any]:
    return EVENT | attributes


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"time": "2018-04-05T17:31:00Z"},
        {"time": "2018-04-05t17:31:00.123456789+05:30"},
        {"time": "2016-12-31T23:59:60Z"},
        {"subject": "a b c", "datacontenttype": "application/vnd.shop+json; charset=utf-8"},
        {"dataschema": "https://example.com/schema#/order"},
        {"orderid": "", "attempt": -(2**31), "final": False, "comexampleextension1": "v"},
        {"subject": "Gr\u00fc\u00dfe \U0001f600\u00a0x"},
        {"data": None},
        {"data": "text"},
        {"data_base64": ""},
        {"data_base64": "AAEC"},
        {"0": "a name may be digits alone"},
    ],
)
def test_a_valid_event_is_kept_as_it_is(attributes: dict[str, Any]) -> None:
    """What the specification allows passes, and survives a round trip with its extensions."""
    event = _event(**attributes)
    assert check(event) is event
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    ("attributes", "attribute", "reason"),
    [
        ({"specversion": "0.3"}, "specversion", 'must be "1.0"'),
        ({"id": ""}, "id", "must not be empty"),
        ({"id": 1}, "id", "must be a string, not an integer"),
        ({"source": "/a b"}, "source", "URI reference"),
        ({"type": True}, "type", "must be a string, not a boolean"),
        ({"subject": ""}, "subject", "must not be empty"),
        ({"subject": "a\nb"}, "subject", "U\\+000A"),
        ({"orderid": "a\x7f"}, "orderid", "U\\+007F"),
        ({"orderid": "a\ufffe"}, "orderid", "U\\+FFFE"),
        ({"time": "yesterday"}, "time", "RFC 3339"),
        ({"time": "2018-04-05T17:31:00"}, "time", "RFC 3339"),
        ({"time": "2018-02-30T17:31:00Z"}, "time", "RFC 3339"),
        ({"time": "2018-04-05 17:31:00Z"}, "time", "RFC 3339"),
        ({"time": 5}, "time", "must be a string"),
        ({"datacontenttype": "json"}, "datacontenttype", "media type"),
        ({"dataschema": "/relative"}, "dataschema", "absolute URI"),
        ({"orderId": "x"}, "orderId", "lower-case"),
        ({"order_id": "x"}, "order_id", "lower-case"),
        ({"": "x"}, '""', "lower-case"),
        ({"order-id": 1}, "order-id", "lower-case"),
        ({"orderid": 1.5}, "orderid", "not a number with a fraction"),
        ({"orderid": {"a": 1}}, "orderid", "not an object"),
        ({"orderid": [1]}, "orderid", "not an array"),
        ({"orderid": 2**31}, "orderid", "32 bits"),
        ({"data": 1, "data_base64": "AA=="}, "data_base64", "beside data"),
        ({"data_base64": "?"}, "data_base64", "base64"),
        ({"data_base64": {}}, "data_base64", "must be a string"),
    ],
)
def test_an_invalid_attribute_is_named_with_its_reason(attributes: dict[str, Any], attribute: str, reason: str) -> None:
    """An error names the attribute and says why."""
    with pytest.raises(CloudEventError, match=reason) as caught:
        check(_event(**attributes))
    assert caught.value.attribute == attribute


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named(attribute: str) -> None:
    """Each required attribute is asked for by name, whether absent or null."""
    event = _event()
    del event[attribute]
    with pytest.raises(CloudEventError, match="is missing") as caught:
        check(event)
    assert caught.value.attribute == attribute
    with pytest.raises(CloudEventError) as caught:
        decode(encode(_event(**{attribute: None})))
    assert caught.value.attribute == attribute


def test_an_attribute_that_is_null_is_absent_in_json() -> None:
    """JSON null stands for an attribute that is not there; data may be null."""
    assert decode(encode(_event(subject=None, orderid=None, data=None))) == _event(data=None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "must be a JSON object, not an array"),
        (b"null", "must be a JSON object, not null"),
        (b'{"specversion": "1.0", "id": "\\ud800"}', "is not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, reason: str) -> None:
    """Rubbish is an error with a reason, never another exception."""
    with pytest.raises(CloudEventError, match=reason):
        decode(body)


def test_limits_bound_size_and_depth() -> None:
    """An event may have 64 levels and 1 MiB, or what the caller says; brackets inside strings do not count."""
    deep: Any = []
    for _ in range(62):
        deep = [deep]
    event = _event(data=deep)
    assert decode(encode(event)) == event
    with pytest.raises(CloudEventError, match="deeper than 64"):
        decode(encode(_event(data=[deep])))
    with pytest.raises(CloudEventError, match="deeper than 64"):
        decode(b"[" * 100_000 + b"]" * 100_000)
    wide = _event(data=[{"a": "{[" * 50}] * 100)
    assert decode(encode(wide)) == wide
    assert decode(encode(_event(data="x" * 1_000_000)))["data"] == "x" * 1_000_000
    with pytest.raises(CloudEventTooLarge, match="the limit is 1048576"):
        decode(encode(_event(data="x" * 1_048_576)))
    with pytest.raises(CloudEventTooLarge, match="the limit is 50"):
        decode(encode(EVENT), Limits(event_bytes=50))


def test_a_batch_names_the_event_at_fault() -> None:
    """A batch is all or nothing, and its error carries the index."""
    events = [_event(id=str(number)) for number in range(3)]
    assert decode_batch(encode_batch(events)) == events
    assert decode_batch(b"[]") == []
    with pytest.raises(CloudEventError, match="event 1 of the batch: type: is missing") as caught:
        decode_batch(encode_batch([EVENT, {"specversion": "1.0", "id": "2", "source": "/"}]))
    assert (caught.value.index, caught.value.attribute) == (1, "type")
    with pytest.raises(CloudEventError, match="must be a JSON array"):
        decode_batch(encode(EVENT))
    with pytest.raises(CloudEventTooLarge, match="3 events, the limit is 2"):
        decode_batch(encode_batch(events), Limits(batch_events=2))
    with pytest.raises(CloudEventTooLarge, match="event 1 of the batch"):
        decode_batch(encode_batch([EVENT, _event(data="x" * 1_048_576)]))


def test_data_that_is_no_json_cannot_be_encoded() -> None:
    """Encoding what JSON has no word for is an error of the data."""
    with pytest.raises(CloudEventError, match="data: cannot be written as JSON"):
        encode(_event(data={1: object()}))


def test_the_digest_tells_channel_type_subject_and_data() -> None:
    """The digest changes with these four and with nothing else."""
    one = _event(subject="o1", data={"a": 1, "b": [1, 2]})
    assert len(digest("order", one)) == 16
    assert digest("order", one) == digest("order", _event(time="x", id="9", subject="o1", data={"b": [1, 2], "a": 1}))
    others = [
        digest("orders", one),
        digest("order", one | {"type": "t"}),
        digest("order", one | {"subject": "o2"}),
        digest("order", one | {"data": {"a": 1, "b": [2, 1]}}),
        digest("order", one | {"data": {"a": 1.0, "b": [1, 2]}}),
        digest("order", _event(subject="o1", data_base64="AA==")),
        digest("order", _event(subject="o1", data="AA==")),
    ]
    assert len({digest("order", one), *others}) == 8
