"""Events in HTTP messages, with the features of the CloudEvents conformance suite as the oracle."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenweave.cloudevents import (
    BATCHED,
    STRUCTURED,
    CloudEventError,
    CloudEventTooLarge,
    Limits,
    encode,
    encode_batch,
    from_http,
    to_http,
)

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("EVENWEAVE_SHARED") or ROOT.parent / "shared")
FEATURE = SHARED / "corpora" / "cloudevents-conformance" / "features" / "http-protocol-binding.feature"
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.placed"}


def _read_scenarios(text: str) -> Iterator[tuple[str, str, dict[str, str], Any]]:
    """Yield (name, HTTP request, expected attributes, expected data) for each row of examples."""
    for block in text.split("Scenario Outline:")[1:]:
        name = block.splitlines()[0].strip()
        column, *values = re.findall(r"^\s*\|\s*(.*?)\s*\|\s*$", block[block.index("Examples:") :], re.MULTILINE)
        for value in values:
            filled = block.replace(f"<{column}>", value)
            request, data = re.findall(r'"""\n(.*?)\n\s*"""', filled, re.DOTALL)
            table = filled[filled.index("attributes are:") : filled.index("And the data")]
            rows = re.findall(r"\|\s*(\S+)\s*\|\s*(.*?)\s*\|", table)
            yield f"{name} {value}", request, dict(rows[1:]), msgspec.json.decode(data.strip())


def test_the_conformance_suite_passes() -> None:
    """Each request of the official HTTP features gives the attributes and the data that they name."""
    if not FEATURE.exists():
        pytest.skip("the CloudEvents conformance features are not here")
    scenarios = list(_read_scenarios(FEATURE.read_text("utf-8")))
    assert len(scenarios) == 4
    for name, request, attributes, data in scenarios:
        head, _, body = request.partition("\n\n")
        lines = [line.strip() for line in head.splitlines()[1:]]
        headers = [(key.encode(), value.strip().encode()) for key, _, value in (line.partition(":") for line in lines)]
        [event] = from_http(headers, body.strip().encode())
        assert event.pop("data") == data, name
        assert event == attributes, name


def _binary(content_type: str | None = "application/json", **headers: str) -> dict[str, str]:
    fields = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "order.placed"}
    fields |= {f"ce-{name}": value for name, value in headers.items()}
    return fields if content_type is None else fields | {"Content-Type": content_type}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("plain", "plain"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u20ac \U0001f600"),
        ("a%2525", "a%25"),
        ('"quoted \\"x\\""', 'quoted "x"'),
        ("100%", "100%"),
        ("  spaced\t", "spaced"),
    ],
)
def test_header_values_are_percent_decoded_once(header: str, value: str) -> None:
    """Binary mode undoes quotes and one round of percent-encoding (section 3.1.3.2)."""
    [event] = from_http(_binary(subject=header), b"{}")
    assert event == EVENT | {"subject": value, "datacontenttype": "application/json", "data": {}}


def test_a_header_that_is_no_utf8_is_refused() -> None:
    """Percent-encoded bytes that are no UTF-8 are an error."""
    with pytest.raises(CloudEventError, match="not as UTF-8"):
        from_http(_binary(subject="%FF"), b"")


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"data": {"a": 1}}),
        ("application/vnd.shop+json", b"[1]", {"data": [1]}),
        (None, b"7", {"data": 7}),
        ("application/json", b"", {}),
        ("text/plain", "gr\u00fcn".encode(), {"data": "gr\u00fcn"}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("application/xml", b"<a/>", {"data": "<a/>"}),
        ("application/octet-stream", b"\x00\x01", {"data_base64": "AAE="}),
    ],
)
def test_the_body_becomes_data_by_its_content_type(
    content_type: str | None, body: bytes, data: dict[str, object]
) -> None:
    """JSON is parsed, text stays text, everything else is base64; and back again."""
    [event] = from_http(_binary(content_type), body)
    assert event == EVENT | data | ({} if content_type is None else {"datacontenttype": content_type})
    headers, again = to_http(event, structured=False)
    [returned] = from_http(headers, again)
    if content_type is None:
        returned.pop("datacontenttype")
    assert returned == event


def test_both_modes_carry_every_attribute() -> None:
    """An event with odd strings survives both modes."""
    event = EVENT | {"subject": 'a "b" 100% \u20ac', "orderid": "o 1", "data": {"x": [1]}}
    event["datacontenttype"] = "application/json"
    for structured in (True, False):
        headers, body = to_http(event, structured=structured)
        assert all(value.isascii() for value in headers.values())
        assert from_http(headers, body) == [event]
    headers, _ = to_http(event | {"final": True, "count": 3}, structured=False)
    assert (headers["ce-final"], headers["ce-count"]) == ("true", "3")


def test_a_batch_is_read_whole() -> None:
    """Batched mode gives all events, in order."""
    events = [EVENT | {"id": str(number)} for number in range(3)]
    assert from_http({"content-type": f"{BATCHED}; charset=utf-8"}, encode_batch(events)) == events


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, b"{}", "neither the header ce-specversion"),
        ({"content-type": "application/json"}, encode(EVENT), "neither the header ce-specversion"),
        ({"content-type": "application/cloudevents+xml"}, b"<a/>", "cloudevents\\+xml is not supported"),
        ({"content-type": f"{STRUCTURED}; charset=utf-16"}, b"{}", "JSON is UTF-8, not utf-16"),
        ({"content-type": STRUCTURED}, b"rubbish", "the body: is not JSON"),
        (_binary(), b"rubbish", "data: is not JSON"),
        (_binary(id=""), b"", "id: must not be empty"),
        (_binary(**{"order-id": "1"}), b"", "order-id: a name"),
        (_binary(data="1"), b"", "data: is the body"),
        ({"ce-specversion": "1.0"}, b"", "id: is missing"),
    ],
)
def test_what_is_no_event_says_why(headers: dict[str, str], body: bytes, reason: str) -> None:
    """Whatever else arrives is an error that says what is missing."""
    with pytest.raises(CloudEventError, match=reason):
        from_http(headers, body)


def test_a_large_body_is_refused_in_binary_mode() -> None:
    """The limit on bytes holds in every mode."""
    with pytest.raises(CloudEventTooLarge):
        from_http(_binary(), b'"xxxxxxxxx"', Limits(event_bytes=10))
