"""AsyncAPI documents become services, and what is off in them is told at its place."""

import time
from typing import Any

import msgspec
import pytest

from evenweave.catalog.asyncapi import Loaded, Service, read
from evenweave.source import Document, load, strict

HEAD = "asyncapi: 2.6.0\ninfo:\n  title: Order Service\n  version: '1.2.0'\n"

FULL = """\
asyncapi: 2.6.0
id: urn:example:orders
info:
  title: Order Service
  version: 1.2.0
  description: Takes orders
defaultContentType: application/json
servers:
  production:
    url: '{region}.example.com'
    protocol: kafka
    variables:
      region: {default: eu}
    security: [{login: []}]
channels:
  order/{shop}/inbound:
    description: Orders come in here
    servers: [production]
    parameters:
      shop:
        $ref: '#/components/parameters/shop'
    publish:
      operationId: sendOrder
      traits: [{$ref: '#/components/operationTraits/logged'}]
      message:
        oneOf:
          - $ref: '#/components/messages/NewOrder'
          - name: order.changed
            headers: {type: object, properties: {trace: {type: string}}}
            traits: [{$ref: '#/components/messageTraits/correlated'}]
            payload: {type: object, required: [id]}
  order/outbound:
    subscribe:
      operationId: processedOrder
      message:
        $ref: '#/components/messages/NewOrder'
components:
  securitySchemes:
    login: {type: userPassword}
  parameters:
    shop: {description: The shop, schema: {type: string}, location: $message.payload#/shop}
  operationTraits:
    logged: {description: Is logged, tags: [{name: a}, {name: b}]}
  messageTraits:
    correlated:
      contentType: application/merge-patch+json
      correlationId: {$ref: '#/components/correlationIds/trace'}
      headers: {type: object, properties: {trace: {type: integer}, origin: {$ref: '#/components/schemas/Origin'}}}
  correlationIds:
    trace: {location: $message.header#/trace}
  messages:
    NewOrder:
      title: A new order
      correlationId: {location: $message.payload#/id}
      payload: {$ref: '#/components/schemas/Order'}
  schemas:
    Origin: {type: string}
    Order:
      type: object
      required: [id]
      properties:
        id: {type: string}
        parts: {type: array, items: {$ref: '#/components/schemas/Order'}}
        from: {$ref: '#/components/schemas/Origin'}
"""


def document(text: str, name: str = "orderService.yaml") -> Document:
    """Return the document of a text that can be read."""
    found = load(name, text).document
    assert found is not None
    return found


def read_text(text: str, **bundle: str) -> Loaded:
    """Read a document with the files of its bundle, whose names end in .yaml."""
    return read(document(text), {f"{name}.yaml": document(each, f"{name}.yaml") for name, each in bundle.items()})


def service(text: str, **bundle: str) -> Service:
    """Return the service of a good document."""
    found = read_text(text, **bundle)
    assert found.service is not None, found.diagnostics
    return found.service


def codes(loaded: Loaded) -> list[tuple[str, int, str]]:
    """Return code, line and severity of each diagnostic."""
    return [(each.code, each.span.start_line, each.severity) for each in loaded.diagnostics]


def test_asyncapi_read_gives_the_whole_service() -> None:
    """Names, servers, channels and parameters are there, and nothing is found wrong."""
    loaded = read_text(FULL)
    assert codes(loaded) == []
    found = loaded.service
    assert found is not None
    assert (found.name, found.title, found.version, found.id, found.asyncapi) == (
        "orderService.yaml",
        "Order Service",
        "1.2.0",
        "urn:example:orders",
        "2.6.0",
    )
    assert [(server.name, server.protocol) for server in found.servers] == [("production", "kafka")]
    assert [channel.address for channel in found.channels] == ["order/{shop}/inbound", "order/outbound"]
    (parameter,) = found.channels[0].parameters
    assert (parameter.name, parameter.schema, parameter.location) == (
        "shop",
        {"type": "string"},
        "$message.payload#/shop",
    )


def test_asyncapi_direction_is_the_engines() -> None:
    """Where the document says publish the service receives, so the engine publishes; and the other way round."""
    send, processed = service(FULL).operations
    assert (send.operation_id, send.direction, send.channel) == ("sendOrder", "publish", "order/{shop}/inbound")
    assert (processed.operation_id, processed.direction) == ("processedOrder", "subscribe")
    assert send.ref == "file://orderService.yaml#sendOrder"
    assert (send.service, send.version) == ("Order Service", "1.2.0")


def test_asyncapi_one_of_gives_every_message() -> None:
    """Each message of a oneOf is there, named by its name, or by its key among the components."""
    new, changed = service(FULL).operations[0].messages
    assert (new.name, new.title, new.content_type, new.correlation_id) == (
        "NewOrder",
        "A new order",
        "application/json",
        "$message.payload#/id",
    )
    assert changed.name == "order.changed"


def test_asyncapi_traits_win_over_the_message() -> None:
    """A trait is merged over the message, mappings deeply (2.6.0, Message Trait Object)."""
    changed = service(FULL).operations[0].messages[1]
    assert changed.content_type == "application/merge-patch+json"
    assert changed.correlation_id == "$message.header#/trace"
    assert changed.headers["properties"] == {"trace": {"type": "integer"}, "origin": {"$ref": "#/definitions/Origin"}}
    assert changed.headers["definitions"] == {"Origin": {"type": "string"}}


def test_asyncapi_payload_stands_alone() -> None:
    """What a payload refers to becomes its definitions, and a schema that refers to itself refers to its own root."""
    payload = service(FULL).operations[1].messages[0].payload
    assert payload == {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "parts": {"type": "array", "items": {"$ref": "#"}},
            "from": {"$ref": "#/definitions/Origin"},
        },
        "definitions": {"Origin": {"type": "string"}},
    }


def test_asyncapi_schema_data_is_left_alone() -> None:
    """What looks like a reference in an example, a default or a constant is data."""
    text = HEAD + (
        "channels:\n  a:\n    publish:\n      operationId: b\n      message:\n        payload:\n"
        "          type: object\n          default: {$ref: '#/nowhere'}\n          enum: [{$ref: x.yaml}]\n"
        "          properties: {$ref: {type: string}}\n"
    )
    payload = service(text).operations[0].messages[0].payload
    assert payload["default"] == {"$ref": "#/nowhere"}
    assert payload["properties"] == {"$ref": {"type": "string"}}


def test_asyncapi_schema_with_an_id_refers_to_its_own_root() -> None:
    """In a schema with an id, references that the document does not have count from that schema."""
    text = HEAD + (
        "channels:\n  a:\n    publish:\n      operationId: b\n      message:\n        payload:\n"
        "          $id: http://example.com/a\n          $schema: http://json-schema.org/draft-07/schema#\n"
        "          properties: {x: {$ref: '#/definitions/x'}}\n          definitions: {x: {type: integer}}\n"
    )
    assert service(text).operations[0].messages[0].payload == {
        "properties": {"x": {"$ref": "#/definitions/x"}},
        "definitions": {"x": {"type": "integer"}},
    }


def test_asyncapi_operation_without_id_is_named_after_its_channel() -> None:
    """An operation without an id is found by channel and verb, and the document says so as information."""
    loaded = read_text(HEAD + "channels:\n  a/b:\n    publish: {message: {payload: true}}\n    subscribe: {}\n")
    assert codes(loaded) == [("AA402", 7, "info"), ("AA402", 8, "info")]
    assert loaded.service is not None
    assert [each.operation_id for each in loaded.service.operations] == ["a/b.publish", "a/b.subscribe"]


def test_asyncapi_missing_message_is_a_warning_and_any_payload_passes() -> None:
    """A message that its reference does not lead to has no schema: a warning, an error where all are strict."""
    text = HEAD + "channels:\n  a:\n    publish:\n      operationId: b\n      message: {$ref: '#/components/Order'}\n"
    loaded = read_text(text)
    assert codes(loaded) == [("AA310", 9, "warning")]
    assert "any payload passes" in loaded.diagnostics[0].message
    assert loaded.diagnostics[0].span.start_column == 23
    assert [each.severity for each in strict(loaded.diagnostics)] == ["error"]
    assert loaded.service is not None
    (message,) = loaded.service.operations[0].messages
    assert (message.name, message.payload) == ("Order", None)


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ("[1]", "AA101", 1, "no AsyncAPI"),
        ("asyncAPI: 2.0.0\n", "AA101", 1, "did you mean"),
        ("id: x\nspecVersion: '0.8'\nstates: []\n", "AA101", 1, "Serverless Workflow"),
        ("openapi: 3.0.0\n", "AA101", 1, "OpenAPI"),
        ("asyncapi: 2.0\n", "AA102", 1, "quotes"),
        ("asyncapi: '2.0'\n", "AA102", 1, "three numbers"),
        ("asyncapi: welcome\n", "AA102", 1, "welcome"),
        ("asyncapi: 1.2.0\n", "AA103", 1, "1.2.0"),
        ("asyncapi: 2.7.0\n", "AA103", 1, "2.7.0"),
        ("asyncapi: 4.0.0\n", "AA103", 1, "4.0.0"),
        ("asyncapi: 3.0.0\n", "AA104", 1, "3.x is not read yet"),
    ],
)
def test_asyncapi_other_documents_are_told_apart(text: str, code: str, line: int, words: str) -> None:
    """What is no AsyncAPI, or one that is not read, is one error that says what it is and what to do."""
    loaded = read_text(text)
    assert codes(loaded) == [(code, line, "error")]
    assert words in loaded.diagnostics[0].message + loaded.diagnostics[0].hint


@pytest.mark.parametrize("version", [f"2.{minor}.0" for minor in range(7)] + ["2.0.0-rc2"])
def test_asyncapi_every_version_of_the_line_is_read(version: str) -> None:
    """2.0 to 2.6 are read, and a suffix does no harm."""
    assert service(f"asyncapi: {version}\ninfo: {{title: a, version: b}}\nchannels: {{}}\n").asyncapi == version


BODY = "channels:\n  a:\n    publish:\n      operationId: b\n"

WRONG: list[tuple[str, str, int, str, str]] = [
    ("asyncapi: 2.6.0\nchannels: {}\n", "AA201", 1, "error", "`info`"),
    ("asyncapi: 2.6.0\ninfo: {title: x}\nchannels: {}\n", "AA201", 2, "error", "`version`"),
    ("asyncapi: 2.6.0\ninfo: {title: x, version: 1.0}\nchannels: {}\n", "AA202", 2, "error", "quote it"),
    (HEAD + "channels: []\n", "AA202", 5, "error", "a mapping"),
    (HEAD + "channels:\n", "AA202", 5, "error", "nothing"),
    (HEAD + "chanels: {}\nchannels: {}\n", "AA203", 5, "error", "x-"),
    (HEAD + "channels:\n  a:\n    pubish: {}\n", "AA203", 7, "error", '"publish"'),
    (HEAD + BODY + "      tags: x\n", "AA202", 9, "error", "'-'"),
    (HEAD + BODY + "      tags: [{name: a}, {name: a}]\n", "AA404", 9, "error", "second time"),
    (HEAD + BODY + "      message: {payload: {type: strin}}\n", "AA501", 9, "error", '"string"'),
    (HEAD + BODY + "      message: {payload: {pattern: '('}}\n", "AA501", 9, "error", "regular expression"),
    (HEAD + BODY + "      message: {payload: {items: 3}}\n", "AA501", 9, "error", "`items`"),
    (HEAD + BODY + "      message: {payload: {exclusiveMinimum: true}}\n", "AA501", 9, "error", "draft-06"),
    (HEAD + BODY + "      message: {payload: {properties: {a: {required: a}}}}\n", "AA501", 9, "error", "`required`"),
    (HEAD + BODY + "      message: {headers: {type: string}}\n", "AA204", 9, "error", "object"),
    (HEAD + BODY + "      message: {payload: {$ref: '#/x'}}\n", "AA301", 9, "error", '"x"'),
    (HEAD + BODY + "      message: {payload: {$ref: 'other.yaml#/x'}}\n", "AA302", 9, "error", "give the file"),
    (HEAD + BODY + "      message: {$ref: 'http://example.com/m.yaml'}\n", "AA302", 9, "error", "not followed"),
    (HEAD + BODY + "      message: {$ref: 'file:///etc/passwd'}\n", "AA302", 9, "error", "not followed"),
    (HEAD + BODY + "      message: {$ref: '/etc/passwd'}\n", "AA302", 9, "error", "not followed"),
    (HEAD + BODY + "      message: {$ref: '../secret.yaml'}\n", "AA302", 9, "error", "not among"),
    (HEAD + BODY + "      message: {$ref: '#components'}\n", "AA310", 9, "warning", "'#/components'"),
    (HEAD + BODY + "      message: {$ref: 7}\n", "AA202", 9, "error", "text"),
    (HEAD + BODY + "      message: {correlationId: {location: header}}\n", "AA204", 9, "error", "$message.header"),
    (HEAD + BODY + "      message: {oneOf: [{payload: true}], name: x}\n", "AA207", 9, "warning", "beside"),
    (HEAD + BODY + "      bindings: {kafak: {}}\n", "AA208", 9, "warning", '"kafka"'),
    (HEAD + BODY + "      security: [{nobody: []}]\n", "AA406", 9, "error", "nobody"),
    (HEAD + BODY + "      message: {payload: {type: string}, examples: [{payload: 3}]}\n", "AA503", 9, "warning", "3"),
    (HEAD + BODY + "      message: {schemaFormat: a/avro, payload: {type: record}}\n", "AA502", 9, "info", "avro"),
    (HEAD + BODY + "    servers: [nowhere]\n", "AA405", 9, "error", "nowhere"),
    (HEAD + BODY + "    parameters: {id: {}}\n", "AA408", 9, "warning", "{id}"),
    (HEAD + "channels:\n  'a?b=c': {}\n", "AA407", 6, "error", "'?'"),
    (HEAD + "channels:\n  'a/{id}': {}\n", "AA408", 6, "warning", "parameters"),
    (HEAD + BODY + "  c:\n    subscribe: {operationId: b}\n", "AA401", 10, "error", "line 8"),
    (HEAD + "channels: {}\ncomponents: {messages: {'a b': {}}}\n", "AA206", 6, "error", "letters"),
    (HEAD + "channels: {}\ncomponents: {messages: {'a:b': {}}}\n", "AA206", 6, "warning", "letters"),
    (HEAD + "channels: {}\ncomponents: {securitySchemes: {a: {type: http}}}\n", "AA201", 6, "error", "`scheme`"),
    (HEAD + "channels: {}\ncomponents: {securitySchemes: {a: {type: htp}}}\n", "AA204", 6, "error", '"http"'),
    (HEAD + "channels: {}\ncomponents: {schemas: {a: {discriminator: b}}}\n", "AA504", 6, "warning", "required"),
    (HEAD + "channels: {}\ncomponents: {schemas: {a: {$ref: '#/components/schemas/a'}}}\n", "AA303", 6, "error", ""),
    (HEAD + "channels: {}\nservers: {a: {url: '{x}', protocol: p}}\n", "AA409", 6, "warning", "variables"),
    (HEAD + "channels: {}\nid: orders\n", "AA204", 6, "error", "urn:"),
    (HEAD.replace("2.6", "2.0") + BODY + "    servers: []\n", "AA205", 9, "warning", "2.2.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line", "severity", "words"), WRONG, ids=[f"{case[1]}-{n}" for n, case in enumerate(WRONG)]
)
def test_asyncapi_mistake_is_told_at_its_place(text: str, code: str, line: int, severity: str, words: str) -> None:
    """A mistake is one diagnostic, at its line, whose words say what to do; only errors keep the service away."""
    loaded = read_text(text)
    assert codes(loaded) == [(code, line, severity)]
    found = loaded.diagnostics[0]
    assert words in found.message + found.hint
    assert (loaded.service is None) == (severity == "error")


def test_asyncapi_mistakes_are_told_all_at_once() -> None:
    """One reading tells everything, in the order of the text."""
    text = "asyncapi: 2.6.0\ninfo: {title: 1}\n" + BODY + "      messages: {}\n  c: 3\n"
    assert [found[:2] for found in codes(read_text(text))] == [("AA201", 2), ("AA202", 2), ("AA203", 7), ("AA202", 8)]


def test_asyncapi_duplicate_id_out_of_a_trait_points_at_the_operation() -> None:
    """Where one trait gives two operations their id, the second operation is told of."""
    text = HEAD + (
        "channels:\n  a:\n    publish: {traits: [{$ref: '#/components/operationTraits/t'}]}\n"
        "    subscribe:\n      traits: [{$ref: '#/components/operationTraits/t'}]\n"
        "components: {operationTraits: {t: {operationId: x}}}\n"
    )
    assert codes(read_text(text)) == [("AA401", 8, "error")]


def test_asyncapi_references_lead_through_the_bundle() -> None:
    """Files that are given together may refer to one another, relative to the folder of the one that refers."""
    main = document(HEAD + "channels:\n  a:\n    $ref: ../shared/channels.yaml#/a\n", "services/orders.yaml")
    channels = document(
        "a:\n  publish:\n    operationId: b\n    message: {$ref: './messages.yaml#/m'}\n", "shared/channels.yaml"
    )
    messages = document("m: {payload: {$ref: '#/s'}}\ns: {type: string, minLength: 2}\n", "shared/messages.yaml")
    bundle = {each.name: each for each in (main, channels, messages)}
    loaded = read(main, bundle)
    assert codes(loaded) == []
    assert loaded.service is not None
    (operation,) = loaded.service.operations
    assert operation.messages[0].payload == {"type": "string", "minLength": 2}
    changed = dict(bundle, **{"shared/messages.yaml": document("m: {payload: true}\n", "shared/messages.yaml")})
    other = read(main, changed).service
    assert other is not None
    assert other.digest != loaded.service.digest


def test_asyncapi_mistake_in_another_file_is_told_there() -> None:
    """A mistake behind a reference is told at its place in the file that has it."""
    text = HEAD + BODY + "      message: {$ref: 'lib.yaml#/m'}\n"
    (found,) = read_text(text, lib="m:\n  payload: {type: strin}\n").diagnostics
    assert (found.file, found.code, found.span.start_line) == ("lib.yaml", "AA501", 2)


def test_asyncapi_circles_end() -> None:
    """Messages, channels and schemas that lead to themselves are errors, not loops."""
    text = HEAD + (
        "channels:\n  a: {$ref: '#/channels/a'}\n  b:\n    publish:\n      operationId: b\n"
        "      message: {$ref: '#/components/messages/x'}\n"
        "components:\n  messages:\n    x: {oneOf: [{$ref: '#/components/messages/y'}]}\n"
        "    y: {oneOf: [{$ref: '#/components/messages/x'}]}\n    z: {$ref: '#/components/messages/z'}\n"
    )
    assert [found[0] for found in codes(read_text(text))] == ["AA303", "AA303"]


def test_asyncapi_digest_is_of_the_content() -> None:
    """Layout and comments do not change a document's digest, its content does."""
    one = service(HEAD + BODY)
    assert service("# a comment\n" + HEAD + BODY).digest == one.digest
    assert service(HEAD + BODY + "      summary: x\n").digest != one.digest


def test_asyncapi_schemas_that_multiply_are_refused() -> None:
    """Messages that each reach every schema are refused before they fill the memory."""
    count = 1_500
    lines = [HEAD, "channels: {}\ncomponents:\n  messages:\n"]
    lines += [f"    m{n}: {{payload: {{$ref: '#/components/schemas/s{n}'}}}}\n" for n in range(count)]
    lines += ["  schemas:\n"]
    lines += [
        f"    s{n}: {{properties: {{a: {{$ref: '#/components/schemas/s{(n + 1) % count}'}}}}}}\n" for n in range(count)
    ]
    found = document("".join(lines))
    started = time.process_time()
    assert [each[0] for each in codes(read(found))] == ["AA505"]
    assert time.process_time() - started < 10


def test_asyncapi_findings_are_bounded() -> None:
    """A document of nothing but mistakes gives no more than five hundred diagnostics."""
    text = HEAD + "channels: {}\n" + "".join(f"k{n}: 1\n" for n in range(2_000))
    assert len(read_text(text).diagnostics) == 500


def test_asyncapi_reading_is_fast() -> None:
    """A small document is read in less than five milliseconds, text to service."""
    text = HEAD + BODY + "      message: {$ref: '#/components/Order'}\n"
    best = float("inf")
    for _ in range(20):
        started = time.process_time()
        service(text)
        best = min(best, time.process_time() - started)
    assert best < 0.005


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, True, [{}], {"a": None}])
@pytest.mark.parametrize(
    "path",
    [
        "info",
        "servers/p",
        "channels",
        "channels/c",
        "channels/c/publish",
        "channels/c/publish/message",
        "channels/c/publish/traits",
        "channels/c/publish/message/traits",
        "channels/c/publish/message/oneOf",
        "channels/c/parameters",
        "channels/c/publish/message/examples",
        "channels/c/publish/security",
        "components",
        "components/messages/m",
        "components/schemas/s",
        "components/securitySchemes/x",
        "channels/c/publish/message/correlationId",
        "channels/c/bindings",
    ],
)
def test_asyncapi_reading_survives_any_shape(path: str, value: object) -> None:
    """Whatever stands in the place of an object, there is a service or an error."""
    whole: dict[str, Any] = {"asyncapi": "2.6.0", "info": {"title": "t", "version": "v"}, "channels": {}}
    *way, last = path.split("/")
    here = whole
    for step in way:
        here = here.setdefault(step, {})
    here[last] = value
    loaded = read(document(msgspec.json.encode(whole).decode(), "a.json"))
    assert (loaded.service is None) == any(each.severity == "error" for each in loaded.diagnostics)
