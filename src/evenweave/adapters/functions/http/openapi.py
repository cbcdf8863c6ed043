"""From an operation of an OpenAPI document (2.0, 3.0, 3.1) and arguments to a request."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec
from msgspec import Struct

from evenweave.ports.functions import CallFailed
from evenweave.source import pointer

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FORM: Final = "application/x-www-form-urlencoded"


class Prepared(Struct, frozen=True):
    """A request: its body is ``json`` or ``form``, where it has one."""

    method: str
    url: str
    headers: dict[str, str] = {}
    json: Any = ...
    form: dict[str, str] | None = None


class Parameter(Struct, frozen=True):
    """A parameter, of either version."""

    name: str
    place: str
    required: bool
    separator: str | None
    default: Any


class Operation(Struct, frozen=True):
    """An operation.

    Attributes:
        id: Its operationId.
        method: The method.
        path: The path, with its parameters in braces.
        server: Where the path belongs: a URL, or a path where the document does not name a host.
        parameters: Its parameters, but for the body.
        body: Whether it takes a body.
        body_name: The name of the body among the arguments (2.0).
        form: The body is a form.
    """

    id: str
    method: str
    path: str
    server: str
    parameters: tuple[Parameter, ...]
    body: bool
    body_name: str
    form: bool


def find(document: Any, name: str) -> Operation:
    """The operation of an operationId.

    Raises:
        CallFailed: The document has none, or is no OpenAPI document.
    """
    if "openapi" not in document and "swagger" not in document:
        raise CallFailed("document", "the document is no OpenAPI document")
    for path, item in (document.get("paths") or {}).items():
        for method in _METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict) and operation.get("operationId") == name:
                return _read(document, str(path), method, item, operation)
    raise CallFailed("document", f'the OpenAPI document has no operation "{name}"')


def prepare(operation: Operation, arguments: Any, base: str, *, given: bool) -> Prepared:
    """The request.

    Args:
        operation: What is called.
        arguments: By name: parameters, and the body under its name, under ``body``, or as all the rest.
        base: Where it goes, where the document names no host.
        given: The arguments were given; else they are the state's data, of which only what is known is taken.

    Raises:
        CallFailed: An argument is missing, or is none that the operation takes.
    """
    left = dict(arguments) if isinstance(arguments, dict) else {}
    path, query, headers, cookies = operation.path, [], {}, []
    form: dict[str, str] = {}
    for parameter in operation.parameters:
        value = left.pop(parameter.name, parameter.default)
        if value is None:
            if parameter.required:
                raise CallFailed("arguments", f'{operation.id}: the parameter "{parameter.name}" is missing')
            continue
        texts = _texts(value, parameter)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(",".join(texts), safe=""))
        elif parameter.place == "query":
            query += [(parameter.name, text) for text in texts]
        elif parameter.place == "header":
            headers[parameter.name] = ",".join(texts)
        elif parameter.place == "cookie":
            cookies.append(f"{parameter.name}={quote(','.join(texts))}")
        else:
            form[parameter.name] = ",".join(texts)
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    url = _join(urljoin(f"{base}/", operation.server), path) + (f"?{urlencode(query)}" if query else "")
    method = operation.method.upper()
    if any(ord(character) < 32 for text in headers.values() for character in text):
        raise CallFailed("arguments", f"{operation.id}: a header has a character that it cannot have")
    if form:
        return Prepared(method, url, headers, form=form)
    body = _body(operation, left, arguments, given=given)
    if operation.form and isinstance(body, dict):
        return Prepared(method, url, headers, form={name: _text(value) for name, value in body.items()})
    return Prepared(method, url, headers, json=body)


def _body(operation: Operation, left: dict[str, Any], arguments: Any, *, given: bool) -> Any:
    if operation.body:
        for name in (operation.body_name, "body"):
            if name and set(left) == {name}:
                return left[name]
        return left if isinstance(arguments, dict) else arguments
    if left and given:
        raise CallFailed("arguments", f'{operation.id}: there is no parameter "{next(iter(left))}"')
    return ...


def _read(document: Any, path: str, method: str, item: Any, operation: Any) -> Operation:
    found: dict[tuple[str, str], Any] = {}
    for written in (*(item.get("parameters") or ()), *(operation.get("parameters") or ())):
        each = _resolve(document, written)
        found[each.get("in", ""), each.get("name", "")] = each
    body = _resolve(document, operation.get("requestBody") or {})
    bodies = [each for (place, _), each in found.items() if place == "body"]
    types = list(body.get("content") or ())
    parameters = tuple(_parameter(each) for (place, _), each in found.items() if place != "body")
    return Operation(
        id=operation["operationId"],
        method=method,
        path=path,
        server=_server(document, item, operation),
        parameters=parameters,
        body=bool(body) or bool(bodies),
        body_name=bodies[0].get("name", "") if bodies else "",
        form=_FORM in types and not any(each.endswith("json") for each in types),
    )


def _server(document: Any, item: Any, operation: Any) -> str:
    if "swagger" in document:
        path = document.get("basePath") or ""
        host = document.get("host")
        if not host:
            return str(path)
        schemes = document.get("schemes") or ["https"]
        return f"{'https' if 'https' in schemes else schemes[0]}://{host}{path}"
    for each in (operation, item, document):
        servers = each.get("servers")
        if servers:
            url = str(servers[0].get("url", ""))
            for name, variable in (servers[0].get("variables") or {}).items():
                url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
            return url
    return ""


def _parameter(written: Any) -> Parameter:
    schema = written.get("schema") or {}
    separators = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|", "spaceDelimited": " ", "pipeDelimited": "|"}
    separator: str | None = ","
    if "collectionFormat" in written:
        separator = separators.get(written["collectionFormat"])
    elif "schema" in written or "style" in written or "explode" in written:  # 3.x
        style = written.get("style", "form" if written.get("in") in {"query", "cookie"} else "simple")
        if written.get("explode", style == "form"):
            separator = None if written.get("in") == "query" else ","
        else:
            separator = separators.get(style, ",")
    return Parameter(
        name=str(written.get("name", "")),
        place=str(written.get("in", "")),
        required=bool(written.get("required")),
        separator=separator,
        default=written.get("default", schema.get("default")),
    )


def _resolve(document: Any, written: Any) -> Any:
    """What a reference of this document means; it leads nowhere else (DESIGN section 7)."""
    for _ in range(16):
        ref = written.get("$ref") if isinstance(written, dict) else None
        if not isinstance(ref, str):
            return written
        if not ref.startswith("#"):
            raise CallFailed("document", f'the reference "{ref}" leads out of the OpenAPI document')
        found: Any = document
        try:
            for part in pointer.split(ref[1:]):
                found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise CallFailed("document", f'the reference "{ref}" leads nowhere in the OpenAPI document') from None
        written = found
    raise CallFailed("document", "references of the OpenAPI document lead in a circle")


def _texts(value: Any, parameter: Parameter) -> list[str]:
    if not isinstance(value, list):
        return [_text(value)]
    texts = [_text(each) for each in value]
    return texts if parameter.separator is None else [parameter.separator.join(texts)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _join(server: str, path: str) -> str:
    return server.rstrip("/") + "/" + path.lstrip("/") if urlsplit(server).scheme else server + path
