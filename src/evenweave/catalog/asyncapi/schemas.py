"""JSON Schemas within a document: whether they are ones, where their references lead, and each by itself.

2.6.0, Schema Object: a superset of JSON Schema draft-07. What AsyncAPI adds (``discriminator``, ``externalDocs``,
``deprecated``) constrains nothing and is kept.
"""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from evenweave.catalog.asyncapi.references import Broken, Location, References
from evenweave.catalog.validator import compile_schema
from evenweave.source import closest, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.catalog.asyncapi.findings import Findings

__all__ = ["Schemas"]

# JSON Schema draft-07: under which keywords a schema, a list of schemas or a mapping to schemas stands. What stands
# under any other, such as `default` or `enum`, is data, and a `$ref` in it is none.
_ONE: Final = frozenset(
    {"additionalItems", "additionalProperties", "contains", "else", "if", "not", "propertyNames", "then"}
)
_LIST: Final = frozenset({"allOf", "anyOf", "oneOf"})
_MAPPING: Final = frozenset({"dependencies", "patternProperties", "properties"})
# Reached by reference only, and then as entries of their own; identities would make references relative to them.
_DROPPED: Final = frozenset({"$id", "$schema", "definitions", "$defs"})

_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
_META: Final = {"$ref": "http://json-schema.org/draft-07/schema#"}
# Schemas that each refer to the next make a whole of every message as large as all of them: what is put together for a
# document is bounded.
_MOST_NODES: Final = 150_000
_UNFIT: Final = pattern(r"[^A-Za-z0-9_.-]+")


class Schemas:
    """The schemas of one document and its bundle."""

    def __init__(self, references: References, findings: Findings) -> None:
        self._references = references
        self._findings = findings
        self._checked: set[tuple[str, str]] = set()
        self._meta: jsonschema_rs.Draft7Validator | None = None
        self._alone: dict[tuple[str, str], Any] = {}
        self._nodes = 0

    def check(self, location: Location) -> None:
        """Note what keeps the value at ``location``, and what it refers to, from being JSON Schema."""
        todo = [location]
        while todo:
            schema = todo.pop()
            if schema.key in self._checked:
                continue
            self._checked.add(schema.key)
            if self._meta is None:
                self._meta = jsonschema_rs.Draft7Validator(_META)
            errors = [error for error in self._meta.iter_errors(schema.value) if _counts(error)]
            for error in errors:
                self._invalid(schema, error)
            if errors:
                continue
            for found, home in _references_in(schema):
                target = self._references.follow(found, home)
                if isinstance(target, Broken):
                    self._findings.broken(target)
                else:
                    todo.append(target)
            self._discriminator(schema)

    def alone(self, location: Location) -> Any:
        """Return the schema at ``location`` so that it stands alone: what it refers to becomes its ``definitions``.

        Two documents that say the same give the same schema, wherever their parts stand. References *must* lead
        somewhere (:meth:`check`). What is returned is shared and *must not* be changed.
        """
        if self._nodes > _MOST_NODES:
            return None
        root = self._references.follow(location)
        if isinstance(root, Broken) or not isinstance(root.value, dict):
            return None if isinstance(root, Broken) else root.value
        if root.key not in self._alone:
            self._alone[root.key] = self._together(root)
        return self._alone[root.key]

    def _together(self, root: Location) -> Any:
        names: dict[tuple[str, str], str] = {root.key: "#"}
        taken: set[str] = set()
        todo: list[tuple[str, Location]] = []

        def name(target: Location) -> str:
            if target.key not in names:
                stem = _UNFIT.sub("_", pointer.split(target.pointer)[-1] if target.pointer else "schema") or "schema"
                free = stem
                number = 1
                while free in taken:
                    number += 1
                    free = f"{stem}_{number}"
                taken.add(free)
                names[target.key] = f"#/definitions/{free}"
                todo.append((free, target))
            return names[target.key]

        schema = self._rewrite(root, None, name)
        definitions: dict[str, Any] = {}
        while todo:
            entry, target = todo.pop()
            definitions[entry] = self._rewrite(target, None, name)
            if self._nodes > _MOST_NODES:
                message = "with all that they refer to, the schemas of this document are too large"
                self._findings.note("AA505", root, message, hint="let messages refer to fewer schemas each")
                return None
        return {**schema, "definitions": definitions} if definitions else schema

    def _rewrite(self, schema: Location, home: str | None, name: Any) -> Any:
        value = schema.value
        if not isinstance(value, dict):
            return value
        self._nodes += 1
        home = schema.pointer if "$id" in value else home
        if isinstance(value.get("$ref"), str):
            target = self._references.resolve(schema, home)
            return {} if isinstance(target, Broken) else {"$ref": name(target)}
        rewritten: dict[str, Any] = {}
        for keyword, child in schema.children():
            if keyword in _DROPPED:
                continue
            shape = _shape(str(keyword), child.value)
            if shape == "one":
                rewritten[str(keyword)] = self._rewrite(child, home, name)
            elif shape == "list":
                rewritten[str(keyword)] = [self._rewrite(each, home, name) for _, each in child.children()]
            elif shape == "mapping":
                rewritten[str(keyword)] = {str(key): self._rewrite(each, home, name) for key, each in child.children()}
            else:
                rewritten[str(keyword)] = child.value
        return rewritten

    def compiled(self, location: Location) -> jsonschema_rs.Draft7Validator | None:
        """Compile the schema at ``location``, or note why it cannot be: some faults show only once it is whole."""
        schema = self.alone(location)
        if schema is None or self._findings.failed():
            return None
        try:
            return compile_schema(schema)
        except ValueError as error:
            message = f"this schema cannot be used: {str(error).splitlines()[0]}"
            self._findings.note("AA501", location, message)
            return None

    def _invalid(self, schema: Location, error: jsonschema_rs.ValidationError) -> None:
        path = error.instance_path
        where = schema.child(*path) or schema
        keyword = path[-1] if path else ""
        hint = ""
        if keyword == "type" or (len(path) > 1 and path[-2] == "type"):
            message = f"{_shown(where.value)} is no type of JSON Schema"
            near = closest(where.value, _TYPES) if isinstance(where.value, str) else None
            hint = f'did you mean "{near}"?' if near else f"the types are {', '.join(_TYPES)}"
        elif keyword in {"exclusiveMinimum", "exclusiveMaximum"} and isinstance(where.value, bool):
            message = f"`{keyword}` is a number since draft-06 of JSON Schema"
            hint = f"give the bound itself, and leave `{keyword.replace('exclusiveM', 'm')}` out"
        elif "not valid under any" in error.message or not isinstance(keyword, str):
            message = f"{_shown(where.value)} is no JSON Schema" if not keyword else f"this is no valid `{keyword}`"
        elif error.message.endswith('is not a "regex"'):
            message = f"{_shown(where.value)} is no regular expression"
        else:
            message = f"`{keyword}`: {error.message}" if keyword else f"this is no JSON Schema: {error.message}"
        self._findings.note("AA501", where, message, hint=hint)

    def _discriminator(self, schema: Location) -> None:
        """2.6.0, Schema Object: the property that a discriminator names is defined and required where it stands."""
        value = schema.value
        if not isinstance(value, dict) or not isinstance(value.get("discriminator"), str):
            return
        required = value.get("required")
        if not isinstance(required, list) or value["discriminator"] not in required:
            message = f'the discriminator "{value["discriminator"]}" is not required'
            where = schema.child("discriminator") or schema
            hint = "add it to the schema's `required`"
            self._findings.note("AA504", where, message, severity="warning", hint=hint)


def _counts(error: jsonschema_rs.ValidationError) -> bool:
    """Leave out what the format of identities and references says: pointers may hold braces, and are resolved here."""
    return not (error.instance_path and error.instance_path[-1] in {"$ref", "$id"} and "uri-ref" in error.message)


def _shape(keyword: str, value: Any) -> str:
    if keyword in _ONE or (keyword == "items" and not isinstance(value, list)):
        return "one"
    if keyword in _LIST or keyword == "items":
        return "list"
    return "mapping" if keyword in _MAPPING else "data"


def _references_in(schema: Location) -> Iterator[tuple[Location, str | None]]:
    """Yield the references below ``schema``, each with the pointer of the schema with an id that it stands in."""
    todo: list[tuple[Location, str | None]] = [(schema, None)]
    while todo:
        here, home = todo.pop()
        value = here.value
        if not isinstance(value, dict):
            continue
        home = here.pointer if "$id" in value else home
        if isinstance(value.get("$ref"), str):
            yield here, home
            continue
        for keyword, child in here.children():
            shape = "mapping" if keyword in {"definitions", "$defs"} else _shape(str(keyword), child.value)
            if shape == "one":
                todo.append((child, home))
            elif shape in {"list", "mapping"}:
                todo.extend((each, home) for _, each in child.children())


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else "a list" if isinstance(value, list) else str(value)
    return text if len(text) < 60 else f"{text[:56]}..."
