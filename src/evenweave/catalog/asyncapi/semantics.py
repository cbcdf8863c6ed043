"""The rules of AsyncAPI that no table of properties holds: what is unique, and what has to exist elsewhere."""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final

from evenweave.catalog.asyncapi.outline import Found, channels, layers, messages, operations, schema_format
from evenweave.catalog.asyncapi.references import Location, References
from evenweave.source import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evenweave.catalog.asyncapi.findings import Findings
    from evenweave.catalog.asyncapi.schemas import Schemas
    from evenweave.source import Part

__all__ = ["check"]

_BRACES: Final = pattern(r"\{([^{}]*)\}")
# 2.6.0, Security Requirement Object: only these two have scopes.
_SCOPED: Final = frozenset({"oauth2", "openIdConnect"})


def check(references: References, findings: Findings, schemas: Schemas) -> None:
    """Note what is not unique, not declared or not used in a document whose structure holds."""
    found = list(operations(references))
    _operation_ids(found, findings)
    every = list(_messages(found, references))
    _message_ids(every, findings, references)
    _addresses(references, findings)
    _servers(references, findings)
    _requirements(found, references, findings)
    for message in every:
        _schemas(message, references, findings, schemas)


def _twice(found: Iterable[tuple[Location, Location]], findings: Findings, code: str, name: str) -> None:
    """Note each text that is there before; with each comes the place to point at where both are one and the same."""
    first: dict[str, Location] = {}
    for given, instead in found:
        before = first.setdefault(given.value, given)
        if before is given:
            continue
        line = before.document.span(before.pointer).start_line
        file = "" if before.document is given.document else f" of {before.document.name}"
        message = f'the {name} "{given.value}" is here a second time'
        hint = f"the first is in line {line}{file}; {name}s are unique in a document"
        if before.key == given.key:
            findings.note(code, instead, message, hint=hint, part="key")
        else:
            findings.note(code, given, message, hint=hint)


def _operation_ids(found: list[Found], findings: Findings) -> None:
    given = [(each.given_id, each.layers.of[0]) for each in found]
    _twice([(place, instead) for place, instead in given if place is not None], findings, "AA401", "operation id")
    for each in found:
        if each.given_id is None:
            hint = "give it an `operationId`, then it keeps its name when its channel gets another"
            message = f'this operation has no id and is found as "{each.operation_id}"'
            findings.note("AA402", each.layers.of[0], message, severity="info", hint=hint, part="key")


def _messages(found: list[Found], references: References) -> Iterator[Location]:
    """Yield every message of the document once, whether it is used or only described."""
    starts = [message for one in found if (message := one.layers.of[0].child("message")) is not None]
    described = references.root().child("components", "messages")
    starts.extend(message for _, message in described.children()) if described else None
    seen: set[tuple[str, str]] = set()
    for start in starts:
        for each in messages(start, references):
            if isinstance(each, Location) and each.key not in seen:
                seen.add(each.key)
                yield each


def _message_ids(every: list[Location], findings: Findings, references: References) -> None:
    given = [(layers(message, references).get("messageId"), message) for message in every]
    _twice(
        [(place, instead) for place, instead in given if place is not None and isinstance(place.value, str)],
        findings,
        "AA403",
        "message id",
    )


def _addresses(references: References, findings: Findings) -> None:
    root = references.root()
    servers = root.child("servers")
    names = servers.value if servers and isinstance(servers.value, dict) else {}
    items = dict(channels(references))
    declared = root.child("channels")
    for key, place in declared.children() if declared else ():
        address = str(key)
        if "?" in address or "#" in address:
            # 2.6.0, Channels Object: query parameters and fragments shall not be used.
            hint = "describe them as bindings"
            findings.note("AA407", place, "a channel's address has no '?' and no '#'", hint=hint, part="key")
        channel = items.get(address)
        if channel is None:
            continue
        listed = channel.child("servers")
        for _, server in listed.children() if listed else ():
            if isinstance(server.value, str) and server.value not in names:
                hint = _meant(server.value, names) or "describe it below `servers`"
                findings.note("AA405", server, f'there is no server "{server.value}"', hint=hint)
        _braces(address, channel, place, findings, field="parameters", code="AA408", name="parameter")


def _servers(references: References, findings: Findings) -> None:
    servers = references.root().child("servers")
    for _, place in servers.children() if servers else ():
        server = references.follow(place)
        url = server.child("url") if isinstance(server, Location) else None
        if isinstance(server, Location) and url is not None and isinstance(url.value, str):
            _braces(url.value, server, url, findings, field="variables", code="AA409", name="variable")


def _braces(
    text: str, holder: Location, place: Location, findings: Findings, *, field: str, code: str, name: str
) -> None:
    """Note the parts in braces of ``text`` that ``holder`` does not describe, and the descriptions of none.

    Both are a warning: the test suite of AsyncAPI calls such documents valid, its parser does not.
    """
    used = _BRACES.findall(text)
    described = holder.child(field)
    names: dict[str, Any] = described.value if described and isinstance(described.value, dict) else {}
    for each in dict.fromkeys(used):
        if each not in names:
            hint = _meant(each, names) or f"describe it below `{field}`"
            message = f'the {name} "{each}" is not described'
            part: Part = "key" if name == "parameter" else "value"
            findings.note(code, place, message, severity="warning", hint=hint, part=part)
    for each in names:
        child = holder.child(field, each)
        if each not in used and child is not None:
            where = "channel's address" if name == "parameter" else "server's url"
            hint = _meant(each, used) or f"write it in braces: {{{each}}}"
            message = f'the {name} "{each}" is not in the {where}'
            findings.note(code, child, message, severity="warning", hint=hint, part="key")


def _requirements(found: list[Found], references: References, findings: Findings) -> None:
    root = references.root()
    schemes = root.child("components", "securitySchemes")
    kinds: dict[str, str] = {}
    for name, scheme in schemes.children() if schemes else ():
        followed = references.follow(scheme)
        kind = followed.child("type") if isinstance(followed, Location) else None
        kinds[str(name)] = kind.value if kind and isinstance(kind.value, str) else ""
    holders: list[Location] = [layer for each in found for layer in each.layers.of]
    servers = root.child("servers")
    for _, place in servers.children() if servers else ():
        server = references.follow(place)
        if isinstance(server, Location):
            holders.append(server)
    for holder in holders:
        security = holder.child("security")
        for _, requirement in security.children() if security else ():
            for name, scopes in requirement.children():
                _requirement(str(name), scopes, kinds, findings)


def _requirement(name: str, scopes: Location, kinds: dict[str, str], findings: Findings) -> None:
    if name not in kinds:
        hint = _meant(name, kinds) or "describe it below components/securitySchemes"
        findings.note("AA406", scopes, f'there is no security scheme "{name}"', hint=hint, part="key")
    elif scopes.value and kinds[name] and kinds[name] not in _SCOPED:
        message = f'a security scheme of type "{kinds[name]}" has no scopes'
        findings.note("AA406", scopes, message, hint="leave the list empty: []")


def _schemas(message: Location, references: References, findings: Findings, schemas: Schemas) -> None:
    """Note schemas that cannot be compiled, and examples that do not fit."""
    over = layers(message, references)
    for headers in over.every("headers"):
        schemas.compiled(headers)
    payload, examples = message.child("payload"), over.get("examples")
    if payload is None or schema_format(over):
        return
    validator = schemas.compiled(payload)
    if validator is None:
        return
    for _, example in examples.children() if examples else ():
        data = example.child("payload")
        error = next(iter(validator.iter_errors(data.value)), None) if data else None
        if data is not None and error is not None:
            place = data.child(*error.instance_path) or data
            text = f"the example does not fit the payload: {error.message}"
            findings.note("AA503", place, text[:300], severity="warning")


def _meant(name: str, names: Iterable[str]) -> str:
    near = closest(name, names)
    return f'did you mean "{near}"?' if near else ""
