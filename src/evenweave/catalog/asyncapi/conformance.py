"""Checks a document against the tables of its structure, all of it, each finding at its place."""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final

from evenweave.catalog.asyncapi.outline import layers, schema_format
from evenweave.catalog.asyncapi.references import Location, References
from evenweave.catalog.asyncapi.structure import (
    LOCATION,
    SECURITY,
    SHAPES,
    Keys,
    Kind,
    Listed,
    Mapped,
    Object,
    One,
    Shape,
    Text,
)
from evenweave.source import closest, pointer

if TYPE_CHECKING:
    from evenweave.catalog.asyncapi.findings import Findings
    from evenweave.catalog.asyncapi.schemas import Schemas

__all__ = ["Conformance"]

# RFC 3986 as far as a mistake shows: a scheme, then no white space and none of the signs that are always escaped.
_URI: Final = pattern(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+')
_EMAIL: Final = pattern(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)*")
_TAG: Final = Object("tag")
_LOCATION: Final = pattern(LOCATION)
# 2.6.0, Components Object; Server Object; Parameters Object.
_KEYS: Final = {
    "component": (pattern(r"[A-Za-z0-9._-]+"), "letters, digits, '.', '-' and '_'"),
    "server": (pattern(r"[A-Za-z0-9_-]+"), "letters, digits, '-' and '_'"),
    "parameter": (pattern(r"[A-Za-z0-9_-]+"), "letters, digits, '-' and '_'"),
}
_PROTOCOLS: Final = frozenset(
    {
        "amqp", "amqp1", "anypointmq", "googlepubsub", "http", "ibmmq", "jms", "kafka", "mercure", "mqtt", "mqtt5",
        "nats", "pulsar", "redis", "sns", "solace", "sqs", "stomp", "ws",
    }
)  # fmt: skip


class Conformance:
    """One walk over one document and what it refers to in its bundle; places are visited once for each shape."""

    def __init__(self, references: References, findings: Findings, schemas: Schemas, minor: int) -> None:
        self._references = references
        self._findings = findings
        self._schemas = schemas
        self._minor = minor
        self._visited: set[tuple[str, str, str]] = set()

    def check(self) -> None:
        """Note everything in the document that is not as AsyncAPI has it."""
        self._object("document", self._references.root())

    def _check(self, kind: Kind, location: Location, holder: Location) -> None:
        match kind:
            case Text():
                self._text(kind, location)
            case One():
                if location.value not in kind.of:
                    self._unlisted(location, kind.of)
            case Listed():
                if self._is(list, location):
                    for _, item in location.children():
                        self._check(kind.item, item, location)
                    if kind.item == _TAG:
                        self._tags(location)
            case Mapped():
                self._mapped(kind, location)
            case Object():
                self._reference_or_object(kind, location)
            case "flag":
                self._is(bool, location)
            case "any":
                pass
            case "schema":
                self._schemas.check(location)
            case "headers":
                self._headers(location)
            case "payload":
                self._payload(location, holder)
            case "bindings":
                self._bindings(location)
            case "security":
                self._security(location)

    def _tags(self, location: Location) -> None:
        """2.6.0, Tags Object: each tag's name is unique in its list."""
        first: dict[str, Location] = {}
        for _, tag in location.children():
            name = tag.child("name")
            if name is None or not isinstance(name.value, str):
                continue
            before = first.setdefault(name.value, name)
            if before is not name:
                line = before.document.span(before.pointer).start_line
                message = f'the tag "{name.value}" is here a second time'
                self._findings.note("AA404", name, message, hint=f"the first is in line {line}")

    def _is(self, kind: type, location: Location) -> bool:
        value = location.value
        if isinstance(value, kind):
            return True
        name = _name(location)
        wanted = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}[kind]
        hint = ""
        if kind is str and isinstance(value, int | float):
            hint = "quote it"
        elif kind is list and not isinstance(value, dict | list):
            hint = "write each item on a line of its own, behind a '-'"
        self._findings.note("AA202", location, f"{name} has to be {wanted}, not {_called(value)}", hint=hint)
        return False

    def _text(self, kind: Text, location: Location) -> None:
        if not self._is(str, location):
            return
        value = location.value
        if kind.form == "uri" and not _URI.fullmatch(value):
            hint = "it begins with a scheme, such as https: or urn:"
            self._findings.note("AA204", location, f"{_name(location)} has to be a URI", hint=hint)
        elif kind.form == "email" and not _EMAIL.fullmatch(value):
            self._findings.note("AA204", location, f"{_name(location)} has to be an e-mail address")
        elif kind.form == "location" and not _LOCATION.fullmatch(value):
            hint = "such as $message.header#/correlationId or $message.payload#/order/id"
            self._findings.note("AA204", location, f"{_name(location)} names no place in a message", hint=hint)

    def _unlisted(self, location: Location, allowed: tuple[str, ...]) -> None:
        near = closest(location.value, allowed) if isinstance(location.value, str) else None
        hint = f'did you mean "{near}"?' if near else f"one of {', '.join(allowed)}"
        shown = f'"{location.value}"' if isinstance(location.value, str) else _called(location.value)
        self._findings.note("AA204", location, f"{_name(location)} cannot be {shown}", hint=hint)

    def _mapped(self, kind: Mapped, location: Location) -> None:
        if not self._is(dict, location):
            return
        for key, item in location.children():
            self._key(kind.keys, str(key), item)
            self._check(kind.item, item, location)

    def _key(self, keys: Keys, key: str, item: Location) -> None:
        rule = _KEYS.get(keys)
        if rule is None or rule[0].fullmatch(key):
            return
        # Generators put colons into the names of components (order.inbound:SendOrder:Message); they harm nobody.
        tolerated = keys == "component" and rule[0].fullmatch(key.replace(":", "")) is not None
        self._findings.note(
            "AA206",
            item,
            f'the name "{key}" may hold only {rule[1]}',
            severity="warning" if tolerated else "error",
            hint="rename it, here and where it is referred to",
            part="key",
        )

    def _reference_or_object(self, kind: Object, location: Location) -> None:
        value = location.value
        if not (kind.ref and isinstance(value, dict) and "$ref" in value):
            self._object(kind.shape, location)
            return
        target = self._follow(location, kind.shape)
        if target is not None:
            self._object(kind.shape, target)

    def _follow(self, location: Location, shape: str) -> Location | None:
        ref = location.child("$ref")
        if ref is None or not self._is(str, ref):
            return None
        target = self._references.follow(location)
        if isinstance(target, Location):
            return target
        if shape == "message" and not (target.leaves or target.turns):
            # Documents in the wild refer to messages that are nowhere, and their services work: see the page of
            # diagnostics.
            message = f"{target.message}: the message has no schema, any payload passes"
            hint = target.hint or "describe the message below components/messages"
            self._findings.note("AA310", target.location, message, severity="warning", hint=hint)
        else:
            self._findings.broken(target)
        return None

    def _object(self, name: str, location: Location) -> None:
        visit = (name, *location.key)
        if visit in self._visited:
            return
        self._visited.add(visit)
        if self._is(dict, location):
            self._fields(SHAPES[name], location)
            if name == "channel" and isinstance(location.value.get("$ref"), str):
                target = self._follow(location, name)
                if target is not None:
                    self._object(name, target)
            if name == "message" and "oneOf" in location.value:
                self._choice(location)

    def _fields(self, shape: Shape, location: Location) -> None:
        value: dict[str, Any] = location.value
        for key, child in location.children():
            name = str(key)
            field = shape.fields.get(name)
            if field is None:
                if not name.startswith("x-"):
                    self._unknown(shape, name, child)
                continue
            if field.since > self._minor:
                message = f"`{name}` is in AsyncAPI since 2.{field.since}.0, this document is 2.{self._minor}"
                hint = f"write `asyncapi: 2.{field.since}.0`"
                self._findings.note("AA205", child, message, severity="warning", hint=hint, part="key")
            self._check(field.kind, child, location)
        for name, field in shape.fields.items():
            if field.required and name not in value:
                message = f"the {shape.title} has no `{name}`"
                self._findings.note("AA201", location, message, hint=f"add `{name}:`", part="key")

    def _unknown(self, shape: Shape, name: str, child: Location) -> None:
        near = closest(name, [field for field in shape.fields if field not in child.document.at(_parent(child), {})])
        hint = f'did you mean "{near}"?' if near else "a property of your own begins with x-"
        self._findings.note("AA203", child, f'a {shape.title} has no property "{name}"', hint=hint, part="key")

    def _choice(self, location: Location) -> None:
        beside = [key for key in location.value if key != "oneOf" and not key.startswith("x-")]
        for key in beside:
            child = location.child(key)
            assert child is not None
            message = f"`{key}` counts for nothing beside `oneOf`"
            hint = "move it into the messages"
            self._findings.note("AA207", child, message, severity="warning", hint=hint, part="key")

    def _headers(self, location: Location) -> None:
        self._schemas.check(location)
        target = self._references.follow(location)
        kind = target.child("type") if isinstance(target, Location) else None
        if kind is not None and kind.value != "object":
            hint = "headers are an object with a property each"
            self._findings.note("AA204", kind, "the schema of the headers has to be of type object", hint=hint)

    def _payload(self, location: Location, message: Location) -> None:
        written = schema_format(layers(message, self._references))
        if not written:
            self._schemas.check(location)
            return
        text = f"payloads in the format {written} are not checked"
        self._findings.note("AA502", location, text, severity="info", part="key")

    def _bindings(self, location: Location) -> None:
        if not self._is(dict, location):
            return
        if "$ref" in location.value:
            target = self._follow(location, "bindings")
            if target is not None:
                self._bindings(target)
            return
        for key, child in location.children():
            name = str(key)
            if name.startswith("x-"):
                continue
            if name not in _PROTOCOLS:
                near = closest(name, sorted(_PROTOCOLS))
                hint = f'did you mean "{near}"?' if near else "it is kept, and used by nothing"
                message = f'there is no binding for the protocol "{name}"'
                self._findings.note("AA208", child, message, severity="warning", hint=hint, part="key")
            # Of what protocols want, only the outline is checked: good documents break the details in great number.
            self._is(dict, child)

    def _security(self, location: Location) -> None:
        if isinstance(location.value, dict) and "$ref" in location.value:
            target = self._follow(location, "security")
            if target is None:
                return
            location = target
        if not self._is(dict, location):
            return
        kind = location.child("type")
        scheme = SECURITY.get(kind.value) if kind is not None and isinstance(kind.value, str) else None
        if kind is None:
            hint = f"add `type:`, one of {', '.join(SECURITY)}"
            self._findings.note("AA201", location, "the security scheme has no `type`", hint=hint, part="key")
        elif scheme is None:
            self._unlisted(kind, tuple(SECURITY))
        else:
            shape, since = scheme
            if since > self._minor:
                message = f'"{kind.value}" is in AsyncAPI since 2.{since}.0, this document is 2.{self._minor}'
                self._findings.note("AA205", kind, message, severity="warning", hint=f"write `asyncapi: 2.{since}.0`")
            self._fields(shape, location)


def _parent(location: Location) -> str:
    return location.pointer.rpartition("/")[0]


def _name(location: Location) -> str:
    tokens = pointer.split(location.pointer)
    if not tokens:
        return "the document"
    return f"item {int(tokens[-1]) + 1}" if tokens[-1].isdigit() and len(tokens) > 1 else f"`{tokens[-1]}`"


def _called(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"
