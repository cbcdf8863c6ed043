"""The shape of an object: its properties, its short forms, and what it becomes in the model."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from evenweave.definitions.swf08.node import Node, Property
from evenweave.definitions.swf08.profile import adapt
from evenweave.definitions.swf08.reader import Reader
from evenweave.definitions.swf08.shape import INVALID, Shape, read_boolean
from evenweave.source import closest, pointer

_EXIT: Final = ("transition", "end")


class Field(msgspec.Struct, frozen=True):
    """One property of an object: the field of the struct, its names in the document, its shape."""

    name: str
    key: str
    note: Property
    shape: Shape
    required: bool
    default: Any


class NodeShape(Shape):
    """An object that becomes a struct of the model, or its short form."""

    def __init__(self, cls: type[Node], fields: tuple[Field, ...]) -> None:
        """Take a struct and its fields."""
        self.cls = cls
        self.fields = fields
        self.by_key = {key: field for field in self.fields for key in (field.key, *field.note.aliases)}
        self.tag = cls.__struct_config__.tag
        self.known = [*(("type",) if self.tag else ()), *(field.key for field in self.fields)]

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the object or its short form."""
        cls = self.cls
        if cls.shorthand and isinstance(value, str):
            if not value:
                reader.report("SW006", ref, "must not be empty")
                return INVALID
            return self._make(reader, {cls.shorthand: value}, ref, ref)
        if cls.flag:
            value = read_boolean(reader, value, ref)
        if cls.flag and isinstance(value, bool):
            if value:
                return self._make(reader, {}, ref, ref)
            reader.report(cls.flag, ref, "false says nothing", "write true, or take it away and write a transition")
            return INVALID
        if not isinstance(value, dict):
            forms = ["a string"] * bool(cls.shorthand) + ["true"] * bool(cls.flag)
            return self.wrong_type(reader, value, ref, " or ".join([*forms, "an object"]))
        value = self._moved(reader, value, ref)
        if reader.wild:
            value = adapt(self.cls, reader, value, ref)
        self._check_keys(reader, value, ref)
        self._check_choices(reader, value, ref)
        return self._make(reader, value, ref)

    def blank(self, ref: str) -> Any:
        """Return the struct with blanks for what it requires."""
        values = {
            field.name: field.shape.blank(f"{ref}/{field.key}") if field.required else _default(field)
            for field in self.fields
        }
        values["ref"] = ref
        self.cls.complete(values, {})
        return self.cls(**values)

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return a reference to the schema of the object, which it puts into `definitions`."""
        name = self.cls.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = self._schema(definitions)
        return {"$ref": f"#/definitions/{name}"}

    def _moved(self, reader: Reader, value: dict[str, Any], ref: str) -> dict[str, Any]:
        """Put properties that were written in the wrong place into the right one."""
        for key, (outer, inner) in self.cls.moved.items():
            if key in value:
                reader.report(
                    "SW023", f"{ref}/{key}", f"{key} belongs into {outer}", f"write {outer}: {inner}", key=True
                )
                value = dict(value)
                moved = value.pop(key)
                holder = value.get(outer, {})
                if isinstance(holder, dict):
                    value[outer] = {inner: moved, **holder}
        return value

    def _check_keys(self, reader: Reader, value: Mapping[str, Any], ref: str) -> None:
        """Report properties that do not exist, and 0.9's names."""
        for key in value:
            field = self.by_key.get(key)
            if field is None:
                if key != "type" or not self.tag:
                    self._unknown_key(reader, key, ref)
            elif key != field.key:
                at = pointer.join(ref, key)
                if field.key in value:
                    reader.report(
                        "SW005", at, f"{key} and {field.key} are the same property", "leave one out", key=True
                    )
                else:
                    reader.report("SW022", at, f"{key} is a name of version 0.9", f"write {field.key}", key=True)

    def _unknown_key(self, reader: Reader, key: str, ref: str) -> None:
        """Report a property that does not exist; at the top level, which is open, only what looks like a slip."""
        guess = closest(key, self.known)
        at = pointer.join(ref, key)
        hint = f'did you mean "{guess}"?' if guess else ""
        if not self.cls.additional:
            allowed = hint or f"allowed here: {', '.join(self.known)}"
            reader.report("SW003", at, f'unknown property "{key}"', allowed, key=True)
        elif guess or ref:
            reader.report("SW008", at, f'the property "{key}" has no effect here', hint, key=True)

    def _check_choices(self, reader: Reader, value: Mapping[str, Any], ref: str) -> None:
        """Report groups of which not exactly one property is there."""
        for group in self.cls.exactly_one:
            present = [key for key in group if key in value]
            if group == _EXIT and value.get("usedForCompensation") is True and "usedForCompensation" in self.by_key:
                # The end of a compensation state is ignored ("Defining Compensation"): it needs none, and may have any.
                continue
            if len(present) > 1 and self.cls.several:
                names = " and ".join(present)
                reader.report(self.cls.several, ref, f"the official schema refuses {names} together", key=True)
            elif len(present) > 1:
                names = " and ".join(present)
                reader.report("SW005", f"{ref}/{present[-1]}", f"{names} exclude each other", "leave one out", key=True)
            elif not present and group == _EXIT:
                reader.report(
                    "SW007", ref, "neither a transition nor an end", 'add "end: true" or a transition', key=True
                )
            elif not present:
                reader.report("SW005", ref, f"one of {', '.join(group)} is required", key=True)

    def _make(self, reader: Reader, value: Mapping[str, Any], ref: str, field_ref: str = "") -> Any:
        """Read the properties, and make the struct; `field_ref` is where the one property of a short form stands."""
        values: dict[str, Any] = {"ref": ref}
        needed = () if field_ref else (*self.cls.object_needs, *_needed(self.cls, value))
        with reader.binding(value.get(self.cls.binds)):
            for field in self.fields:
                key = next((key for key in (field.key, *field.note.aliases) if key in value), None)
                if key is not None:
                    at = field_ref or f"{ref}/{key}"
                    values[field.name] = self._read_field(reader, field, value[key], at)
                    continue
                values[field.name] = field.shape.blank(f"{ref}/{field.key}") if field.required else _default(field)
                if field.required or field.key in needed:
                    reader.report(
                        "SW002",
                        ref,
                        f'the property "{field.key}" is missing',
                        f"add it: {field.note.doc.rstrip('.')}",
                        key=True,
                    )
                elif field.note.missing and not field_ref:
                    _report_missing(reader, field, ref)
        self.cls.complete(values, value)
        return self.cls(**values)

    def _read_field(self, reader: Reader, field: Field, value: Any, ref: str) -> Any:
        """Read one property, in this document or the one that it names."""
        read: Any = INVALID
        if field.note.resource and isinstance(value, str):
            found = reader.resource(field.key, reader.located(value, ref), ref)
            if found is not None:
                read = field.shape.read(reader, *found)
        else:
            read = field.shape.read(reader, value, ref)
        if read is not INVALID:
            return read
        if ref == f"/{field.key}":
            reader.unread.add(field.key)
        return field.shape.blank(ref) if field.required else _default(field)

    def _schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the object and its short forms."""
        properties: dict[str, Any] = {"type": {"const": self.tag}} if self.tag else {}
        for field in self.fields:
            one = field.shape.schema(definitions)
            if field.note.resource:
                one = {"oneOf": [{"type": "string", "description": "URI of a document that holds it."}, one]}
            # Beside a $ref, draft-07 ignores everything: a description needs a level of its own.
            described = {"allOf": [one]} if "$ref" in one else one
            for key in (field.key, *field.note.aliases):
                properties[key] = {"description": field.note.doc, **described}
        schema: dict[str, Any] = {
            "description": (self.cls.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": properties,
            "required": [
                *(("type",) if self.tag else ()),
                *(field.key for field in self.fields if field.required),
                *self.cls.object_needs,
            ],
            "additionalProperties": self.cls.additional,
        }
        rules = _alias_rules(schema, self.fields) + _choice_rules(self.cls)
        if rules:
            schema["allOf"] = rules
        if self.cls.moved:
            properties |= {key: {"description": "Belongs elsewhere.", "type": "string"} for key in self.cls.moved}
        return _short_forms(self.cls, schema)


def _needed(cls: type[Node], value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is required because another property has not the one value that would excuse it."""
    return tuple(key for key, (other, excuse) in cls.needed_unless.items() if value.get(other) != excuse)


def _default(field: Field) -> Any:
    """Return what an absent property is."""
    return {} if field.default == {} else field.default


def _report_missing(reader: Reader, field: Field, ref: str) -> None:
    """Report a property that the specification requires and that has a sensible meaning when it is absent."""
    messages = {
        "SW020": (
            'no "resultEventRef": the action publishes its event and goes on without a reply',
            "name the event to wait for; 0.8 requires it",
        ),
        "SW021": ('no "defaultCondition": the path ends where no condition is met', "add one; 0.8 requires it"),
        "SW028": (f'no "{field.key}": the text allows that, the official schema does not', ""),
    }
    message, hint = messages[field.note.missing]
    reader.report(field.note.missing, ref, message, hint, key=True)


def _alias_rules(schema: dict[str, Any], fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    """Let an alias stand for a required property."""
    rules: list[dict[str, Any]] = []
    for field in fields:
        if field.note.aliases:
            names = (field.key, *field.note.aliases)
            if field.required:
                schema["required"].remove(field.key)
                rules.append({"oneOf": [{"required": [name]} for name in names]})
            else:
                rules.append({"not": {"required": [*names]}})
    return rules


def _choice_rules(cls: type[Node]) -> list[dict[str, Any]]:
    """Say in a schema that exactly one of several properties is there."""
    rules: list[dict[str, Any]] = []
    for group in cls.exactly_one:
        rule: dict[str, Any] = {"anyOf" if cls.several else "oneOf": [{"required": [key]} for key in group]}
        if group == _EXIT and "used_for_compensation" in cls.__struct_fields__:
            exempt = {"properties": {"usedForCompensation": {"const": True}}, "required": ["usedForCompensation"]}
            rule = {"if": exempt, "else": rule}
        rules.append(rule)
    for key, (other, excuse) in cls.needed_unless.items():
        excused: dict[str, Any] = {"properties": {other: {"const": excuse}}, "required": [other]}
        rules.append({"if": excused, "else": {"required": [key]}})
    return rules


def _short_forms(cls: type[Node], schema: dict[str, Any]) -> dict[str, Any]:
    """Add the short forms of an object to its schema."""
    forms: list[dict[str, Any]] = []
    if cls.shorthand:
        forms.append({"type": "string", "minLength": 1})
    if cls.flag:
        forms.append({"const": True})
    return {"oneOf": [*forms, schema]} if forms else schema
