"""The objects of AsyncAPI 2.0 - 2.6 as tables: which properties each has, of which kind, and since when.

One table serves all versions, for they only ever added. Where a document uses what a later version brought, it is read
all the same, with a warning. Every object may have extensions (``x-...``).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = [
    "LOCATION",
    "SECURITY",
    "SHAPES",
    "Field",
    "Keys",
    "Kind",
    "Listed",
    "Mapped",
    "Object",
    "One",
    "Shape",
    "Text",
]

#: 2.6.0, Runtime Expression: where in a message a value is found.
LOCATION: Final = r"\$message\.(header|payload)(#(/([^/~]|~[01])*)*)?"

#: What a key has to look like: one of components, of servers, of parameters, or anything.
Keys = Literal["component", "server", "parameter", "channel", "any"]


class Text(NamedTuple):
    """A string; with a ``form``, one that looks like it."""

    form: Literal["", "uri", "email", "location"] = ""


class One(NamedTuple):
    """One of these strings."""

    of: tuple[str, ...]


class Listed(NamedTuple):
    """A list."""

    item: Kind


class Mapped(NamedTuple):
    """A mapping from names to values of one kind."""

    item: Kind
    keys: Keys = "any"


class Object(NamedTuple):
    """The object of this name in :data:`SHAPES`; or, where ``ref`` says so, a Reference to one."""

    shape: str
    ref: bool = False


#: What a value has to be. ``schema`` is a JSON Schema, ``headers`` one of type object, ``payload`` what
#: ``schemaFormat`` says, ``bindings`` an object of protocols, ``security`` one of the security schemes.
Kind = (
    Text
    | One
    | Listed
    | Mapped
    | Object
    | Literal["flag", "any", "schema", "headers", "payload", "bindings", "security"]
)


class Field(NamedTuple):
    """A property: what it is, whether it has to be there, and the minor version of AsyncAPI 2 that brought it."""

    kind: Kind
    required: bool = False
    since: int = 0


class Shape(NamedTuple):
    """An object: what users call it, and its properties."""

    title: str
    fields: dict[str, Field]


_TEXT: Final = Field(Text())
_URI: Final = Field(Text("uri"))
_FLAG: Final = Field("flag")
_BINDINGS: Final = Field("bindings")
_TAGS: Final = Field(Listed(Object("tag")))
_DOCS: Final = Field(Object("externalDocs"))
_REQUIREMENTS: Final = Mapped(Listed(Text()))

_OPERATION_TRAIT: Final = {
    "operationId": _TEXT,
    "summary": _TEXT,
    "description": _TEXT,
    "security": Field(Listed(_REQUIREMENTS), since=4),
    "tags": _TAGS,
    "externalDocs": _DOCS,
    "bindings": _BINDINGS,
}
_MESSAGE_TRAIT: Final = {
    "messageId": Field(Text(), since=4),
    "headers": Field("headers"),
    "correlationId": Field(Object("correlationId", ref=True)),
    "schemaFormat": _TEXT,
    "contentType": _TEXT,
    "name": _TEXT,
    "title": _TEXT,
    "summary": _TEXT,
    "description": _TEXT,
    "deprecated": _FLAG,
    "tags": _TAGS,
    "externalDocs": _DOCS,
    "bindings": _BINDINGS,
    "examples": Field(Listed(Object("message example"))),
}

SHAPES: Final[dict[str, Shape]] = {
    "document": Shape(
        "document",
        {
            "asyncapi": Field(Text(), required=True),
            "id": _URI,
            "info": Field(Object("info"), required=True),
            "servers": Field(Mapped(Object("server", ref=True), "server")),
            "defaultContentType": _TEXT,
            "channels": Field(Mapped(Object("channel"), "channel"), required=True),
            "components": Field(Object("components")),
            "tags": _TAGS,
            "externalDocs": _DOCS,
        },
    ),
    "info": Shape(
        "info",
        {
            "title": Field(Text(), required=True),
            "version": Field(Text(), required=True),
            "description": _TEXT,
            "termsOfService": _URI,
            "contact": Field(Object("contact")),
            "license": Field(Object("license")),
        },
    ),
    "contact": Shape("contact", {"name": _TEXT, "url": _URI, "email": Field(Text("email"))}),
    "license": Shape("license", {"name": Field(Text(), required=True), "url": _URI}),
    "tag": Shape("tag", {"name": Field(Text(), required=True), "description": _TEXT, "externalDocs": _DOCS}),
    "externalDocs": Shape("externalDocs", {"description": _TEXT, "url": Field(Text("uri"), required=True)}),
    "server": Shape(
        "server",
        {
            "url": Field(Text(), required=True),
            "protocol": Field(Text(), required=True),
            "protocolVersion": _TEXT,
            "description": _TEXT,
            "variables": Field(Mapped(Object("server variable", ref=True))),
            "security": Field(Listed(_REQUIREMENTS)),
            "tags": Field(Listed(Object("tag")), since=5),
            "bindings": _BINDINGS,
        },
    ),
    "server variable": Shape(
        "server variable",
        {
            "enum": Field(Listed(Text())),
            "default": _TEXT,
            "description": _TEXT,
            "examples": Field(Listed(Text())),
        },
    ),
    "channel": Shape(
        "channel",
        {
            "$ref": _TEXT,
            "description": _TEXT,
            "servers": Field(Listed(Text()), since=2),
            "subscribe": Field(Object("operation")),
            "publish": Field(Object("operation")),
            "parameters": Field(Mapped(Object("parameter", ref=True), "parameter")),
            "deprecated": _FLAG,
            "bindings": _BINDINGS,
        },
    ),
    "parameter": Shape(
        "parameter", {"description": _TEXT, "schema": Field("schema"), "location": Field(Text("location"))}
    ),
    "operation trait": Shape("operation trait", _OPERATION_TRAIT),
    "operation": Shape(
        "operation",
        {
            **_OPERATION_TRAIT,
            "traits": Field(Listed(Object("operation trait", ref=True))),
            "message": Field(Object("message", ref=True)),
        },
    ),
    "message trait": Shape("message trait", _MESSAGE_TRAIT),
    "message": Shape(
        "message",
        {
            **_MESSAGE_TRAIT,
            "payload": Field("payload"),
            "traits": Field(Listed(Object("message trait", ref=True))),
            "oneOf": Field(Listed(Object("message", ref=True))),
        },
    ),
    "message example": Shape(
        "message example",
        {
            "headers": Field(Mapped("any")),
            "payload": Field("any"),
            "name": Field(Text(), since=1),
            "summary": Field(Text(), since=1),
        },
    ),
    "correlationId": Shape(
        "correlation id", {"description": _TEXT, "location": Field(Text("location"), required=True)}
    ),
    "components": Shape(
        "components",
        {
            "schemas": Field(Mapped("schema", "component")),
            "servers": Field(Mapped(Object("server", ref=True), "component"), since=3),
            "serverVariables": Field(Mapped(Object("server variable", ref=True), "component"), since=4),
            "channels": Field(Mapped(Object("channel"), "component"), since=3),
            "messages": Field(Mapped(Object("message", ref=True), "component")),
            "securitySchemes": Field(Mapped("security", "component")),
            "parameters": Field(Mapped(Object("parameter", ref=True), "component")),
            "correlationIds": Field(Mapped(Object("correlationId", ref=True), "component")),
            "operationTraits": Field(Mapped(Object("operation trait", ref=True), "component")),
            "messageTraits": Field(Mapped(Object("message trait", ref=True), "component")),
            "serverBindings": Field(Mapped("bindings", "component")),
            "channelBindings": Field(Mapped("bindings", "component")),
            "operationBindings": Field(Mapped("bindings", "component")),
            "messageBindings": Field(Mapped("bindings", "component")),
        },
    ),
    "oauth flows": Shape(
        "flows",
        {
            "implicit": Field(Object("implicit flow")),
            "password": Field(Object("token flow")),
            "clientCredentials": Field(Object("token flow")),
            "authorizationCode": Field(Object("code flow")),
        },
    ),
    "implicit flow": Shape(
        "flow",
        {
            "authorizationUrl": Field(Text("uri"), required=True),
            "tokenUrl": _URI,
            "refreshUrl": _URI,
            "scopes": Field(Mapped(Text()), required=True),
        },
    ),
    "token flow": Shape(
        "flow",
        {
            "authorizationUrl": _URI,
            "tokenUrl": Field(Text("uri"), required=True),
            "refreshUrl": _URI,
            "scopes": Field(Mapped(Text()), required=True),
        },
    ),
    "code flow": Shape(
        "flow",
        {
            "authorizationUrl": Field(Text("uri"), required=True),
            "tokenUrl": Field(Text("uri"), required=True),
            "refreshUrl": _URI,
            "scopes": Field(Mapped(Text()), required=True),
        },
    ),
}


def _scheme(**fields: Field) -> Shape:
    return Shape("security scheme", {"type": Field(Text(), required=True), "description": _TEXT, **fields})


#: 2.6.0, Security Scheme Object: what each ``type`` has beside it, and the minor version that brought the type.
SECURITY: Final[dict[str, tuple[Shape, int]]] = {
    "userPassword": (_scheme(), 0),
    "apiKey": (_scheme(**{"in": Field(One(("user", "password")), required=True)}), 0),
    "X509": (_scheme(), 0),
    "symmetricEncryption": (_scheme(), 0),
    "asymmetricEncryption": (_scheme(), 0),
    "httpApiKey": (
        _scheme(name=Field(Text(), required=True), **{"in": Field(One(("query", "header", "cookie")), required=True)}),
        0,
    ),
    "http": (_scheme(scheme=Field(Text(), required=True), bearerFormat=_TEXT), 0),
    "oauth2": (_scheme(flows=Field(Object("oauth flows"), required=True)), 0),
    "openIdConnect": (_scheme(openIdConnectUrl=Field(Text("uri"), required=True)), 0),
    "plain": (_scheme(), 1),
    "scramSha256": (_scheme(), 1),
    "scramSha512": (_scheme(), 1),
    "gssapi": (_scheme(), 1),
}
