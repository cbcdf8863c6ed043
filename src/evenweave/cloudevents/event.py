"""What makes a dict a CloudEvent (CloudEvents 1.0.2, section 3)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from evenweave.cloudevents.errors import CloudEventError

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted: the bytes of one event, the depth of its JSON, the events and the bytes of a batch."""

    event_bytes: int = 1_048_576
    depth: int = 64
    batch_events: int = 10_000
    batch_bytes: int = 16_777_216


DEFAULT_LIMITS = Limits()

# Section 3.1: no control characters, no surrogates, no code points that Unicode says are no characters.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]").search
_NAME = re.compile("[a-z0-9]+").fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 (of RFC 9110)
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:\s*;\s*(?:{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*"))?)*\s*').fullmatch
_LEAP_SECOND = re.compile(r"(.*:)60(\..*|[Zz].*|[+-].*)").fullmatch
# Nearly every time there is; the rest (offsets, the 29th to the 31st, leap seconds) takes the longer way.
_PLAIN_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z", re.ASCII
).fullmatch
_TIME: Any = Annotated[datetime, msgspec.Meta(tz=True)]
_REQUIRED = ("id", "source", "type")


def _check_uri_reference(name: str, value: str) -> None:
    if " " in value:
        raise CloudEventError("must be a URI reference, which has no spaces", name)


def _check_uri(name: str, value: str) -> None:
    if " " in value or not _SCHEME(value):
        raise CloudEventError("must be an absolute URI, such as https://example.com/schema", name)


def _check_media_type(name: str, value: str) -> None:
    if value != "application/json" and not _MEDIA_TYPE(value):
        raise CloudEventError("must be a media type, such as application/json", name)


def _check_time(name: str, value: str) -> None:
    if _PLAIN_TIME(value):
        return
    try:
        msgspec.convert(value, _TIME)
    except msgspec.ValidationError:
        leap = _LEAP_SECOND(value)
        if leap is None:
            raise CloudEventError("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z", name) from None
        _check_time(name, f"{leap[1]}59{leap[2]}")
    else:
        if value[10] not in "Tt":
            raise CloudEventError("must be a time as in RFC 3339, with a T between date and time", name)


def _check_base64(name: str, value: str) -> None:
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise CloudEventError("must be base64", name) from None


def _check_data(_name: str, _value: str) -> None:
    """A string is as good as any other data."""


_CHECKS: Mapping[str, Callable[[str, str], None] | None] = {
    "specversion": None,
    "id": None,
    "source": _check_uri_reference,
    "type": None,
    "subject": None,
    "time": _check_time,
    "datacontenttype": _check_media_type,
    "dataschema": _check_uri,
    "data": _check_data,
    "data_base64": _check_base64,
}


def check(event: Event) -> Event:
    """Return `event` if it is a valid CloudEvent 1.0; raise `CloudEventError` naming the attribute if not.

    Required: `specversion` ("1.0"), `id`, `source`, `type`. Names of attributes are lower-case letters and digits;
    values of extensions are strings, 32-bit integers or booleans. `data` may be any JSON value.
    """
    if event.__class__ is not dict:
        raise CloudEventError(f"an event must be a JSON object, not {_describe(event)}")
    if event.get("specversion") != "1.0":
        raise CloudEventError(
            'is missing, it must be "1.0"' if "specversion" not in event else 'must be "1.0"', "specversion"
        )
    for name in _REQUIRED:
        if name not in event:
            raise CloudEventError("is missing", name)
    for name, value in event.items():
        if value.__class__ is str and value and value.isprintable():
            if name in _CHECKS:
                narrow = _CHECKS[name]
                if narrow is not None:
                    narrow(name, value)
            elif not (name.islower() and name.isalnum() and name.isascii()):
                _check_name(name)
        elif name != "data":
            _check_attribute(name, value)
    if "data" in event and "data_base64" in event:
        raise CloudEventError("must not stand beside data", "data_base64")
    return event


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME(name):
        raise CloudEventError("a name of an attribute must be lower-case letters and digits only", str(name) or '""')


def _check_attribute(name: str, value: object) -> None:
    """Check what is not a plain printable string."""
    known = name in _CHECKS
    if not known:
        _check_name(name)
    match value:
        case str():
            if not value and known and name != "data_base64":
                raise CloudEventError("must not be empty", name)
            bad = _FORBIDDEN(value)
            if bad is not None:
                raise CloudEventError(f"has a character that is not allowed in an attribute: U+{ord(bad[0]):04X}", name)
            narrow = _CHECKS.get(name)
            if narrow is not None:
                narrow(name, value)
        case bool() if not known:
            return
        case int() if not known:
            if not -(2**31) <= value < 2**31:
                raise CloudEventError("must be an integer of 32 bits; a larger one goes as a string", name)
        case _:
            wanted = "a string" if known else "a string, an integer or a boolean"
            raise CloudEventError(f"must be {wanted}, not {_describe(value)}", name)


def _describe(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number with a fraction"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
