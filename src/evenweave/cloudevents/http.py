"""Events in HTTP messages: binary, structured and batched (CloudEvents HTTP protocol binding 1.0.2)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from evenweave.cloudevents.codec import decode, decode_batch, decode_json, encode
from evenweave.cloudevents.errors import CloudEventError, CloudEventTooLarge
from evenweave.cloudevents.event import DEFAULT_LIMITS, Event, Limits, check

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]

_encode_json = msgspec.json.Encoder().encode
# Section 3.1.3.2: these go percent-encoded in a header.
_TO_ENCODE = re.compile(r"[^\x21\x23\x24\x26-\x7e]")


def from_http(headers: Headers, body: bytes, limits: Limits = DEFAULT_LIMITS) -> list[Event]:
    """Return the events of an HTTP message, in any of the three content modes.

    `headers` is a mapping, or the pairs of bytes of ASGI. Raises `CloudEventError` where the message holds none.
    """
    fields = _read_headers(headers)
    content_type = fields.get("content-type", "")
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type.startswith("application/cloudevents"):
        _check_charset(parameters)
        if media_type == STRUCTURED:
            return [decode(body, limits)]
        if media_type == BATCHED:
            return decode_batch(body, limits)
        raise CloudEventError(f"{media_type} is not supported, use {STRUCTURED} or {BATCHED}", "content-type")
    if "ce-specversion" not in fields:
        raise CloudEventError(
            "this is no CloudEvent: it has neither the header ce-specversion (binary mode) nor the content type "
            f"{STRUCTURED} (structured mode) or {BATCHED}"
        )
    return [_from_binary(fields, content_type, media_type, body, limits)]


def to_http(event: Event, *, structured: bool = True) -> tuple[dict[str, str], bytes]:
    """Return headers and body for one event, in structured or in binary mode."""
    if structured:
        return {"content-type": STRUCTURED}, encode(event)
    headers = {
        f"ce-{name}": _TO_ENCODE.sub(_percent_encode, _to_text(value))
        for name, value in event.items()
        if name not in ("data", "data_base64", "datacontenttype")
    }
    content_type = event.get("datacontenttype")
    if "data_base64" in event:
        body = b64decode(event["data_base64"])
    elif "data" not in event:
        body = b""
    elif content_type is not None and not _is_json(content_type) and isinstance(event["data"], str):
        body = event["data"].encode()
    else:
        body = _encode_json(event["data"])
        content_type = content_type or "application/json"
    if content_type is not None:
        headers["content-type"] = content_type
    return headers, body


def _read_headers(headers: Headers) -> dict[str, str]:
    if isinstance(headers, Mapping):
        return {name.lower(): value for name, value in headers.items()}
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _from_binary(fields: dict[str, str], content_type: str, media_type: str, body: bytes, limits: Limits) -> Event:
    if len(body) > limits.event_bytes:
        raise CloudEventTooLarge(f"the event has {len(body)} bytes, the limit is {limits.event_bytes}")
    event: Event = {name[3:]: _read_value(value) for name, value in fields.items() if name.startswith("ce-")}
    for name in ("data", "data_base64", "datacontenttype"):
        if name in event:
            raise CloudEventError("is the body of the message, or its content type, and no header", name)
    if content_type:
        event["datacontenttype"] = content_type
    check(event)
    if not body:
        return event
    if not content_type or _is_json(media_type):
        try:
            event["data"] = decode_json(body, limits.depth)
        except CloudEventError as error:
            raise CloudEventError(error.reason, "data") from None
    elif media_type.startswith("text/") or media_type == "application/xml" or media_type.endswith("+xml"):
        try:
            event["data"] = body.decode()
        except UnicodeDecodeError:
            event["data_base64"] = b64encode(body).decode()
    else:
        event["data_base64"] = b64encode(body).decode()
    return event


def _read_value(value: str) -> str:
    """Undo quotes and percent-encoding, one round (section 3.1.3.2)."""
    value = value.strip(" \t")
    if len(value) > 1 and value[0] == '"' == value[-1]:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise CloudEventError(f"a header is percent-encoded, but not as UTF-8: {value[:60]}") from None


def _check_charset(parameters: str) -> None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise CloudEventError(f"JSON is UTF-8, not {value}", "content-type")


def _is_json(media_type: str) -> bool:
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def _percent_encode(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
