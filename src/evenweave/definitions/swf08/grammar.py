"""The shape of a whole definition, built from the structs of the model: which shape a type has."""

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from typing import Literal as OneOf

import msgspec

from evenweave.definitions.swf08.duration import Duration, Instant, Interval
from evenweave.definitions.swf08.expression import Expression, Value
from evenweave.definitions.swf08.model import Workflow
from evenweave.definitions.swf08.node import Node, Property
from evenweave.definitions.swf08.object import Field, NodeShape
from evenweave.definitions.swf08.reader import Reader
from evenweave.definitions.swf08.resources import BasicAuth, BearerAuth, Credentials, OAuth2Auth
from evenweave.definitions.swf08.shape import (
    ArrayShape,
    BooleanShape,
    EnumShape,
    MapShape,
    MetadataShape,
    NumberShape,
    ObjectShape,
    Shape,
    ValueShape,
)
from evenweave.definitions.swf08.states import Metadata, State, StateNode
from evenweave.definitions.swf08.text import (
    DurationShape,
    ExpressionShape,
    InstantShape,
    IntervalShape,
    StringShape,
    TextOrExpressionShape,
)
from evenweave.source import closest


class StateShape(Shape):
    """A state: its `type` says which."""

    def __init__(self, classes: tuple[type[StateNode], ...]) -> None:
        """Take the kinds of state."""
        self.kinds = {str(cls.__struct_config__.tag): _node(cls) for cls in classes}

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the state; one of an unknown type keeps its name, so that references to it are good."""
        if not isinstance(value, dict):
            return self.wrong_type(reader, value, ref, "an object")
        kind = value.get("type")
        if isinstance(kind, str) and kind in self.kinds:
            return self.kinds[kind].read(reader, value, ref)
        names = ", ".join(self.kinds)
        if "type" not in value:
            reader.report("SW002", ref, 'the property "type" is missing', f"one of {names}", key=True)
        elif not isinstance(kind, str):
            self.wrong_type(reader, kind, f"{ref}/type", "a string")
        else:
            guess = closest(kind, self.kinds)
            hint = f'did you mean "{guess}"?' if guess else f"one of {names}"
            reader.report("SW004", f"{ref}/type", f'there is no state of the type "{kind}"', hint)
        name = value.get("name")
        return StateNode(ref=ref, name=name if isinstance(name, str) else "")

    def blank(self, ref: str) -> Any:
        """Return a state without a name."""
        return StateNode(ref=ref, name="")

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of any state: a chain of ifs, so that an editor complains about the right one."""
        rules = [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": shape.schema(definitions),
            }
            for kind, shape in self.kinds.items()
        ]
        return {
            "type": "object",
            "properties": {"type": {"enum": list(self.kinds)}},
            "required": ["type"],
            "allOf": rules,
        }


class CredentialsShape(Shape):
    """The properties of an auth definition: an expression, or an object that its own properties tell the kind of."""

    def __init__(self) -> None:
        """Make the shapes of the three kinds."""
        self.secret = ExpressionShape()
        self.basic, self.bearer, self.oauth2 = _node(BasicAuth), _node(BearerAuth), _node(OAuth2Auth)

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the credentials."""
        if isinstance(value, str):
            return self.secret.read(reader, value, ref)
        if not isinstance(value, dict):
            return self.wrong_type(reader, value, ref, "an expression or an object")
        if "token" in value:
            return self.bearer.read(reader, value, ref)
        if "grantType" in value or "clientId" in value:
            return self.oauth2.read(reader, value, ref)
        return self.basic.read(reader, value, ref)

    def blank(self, ref: str) -> Any:
        """Return an expression that gives nothing."""
        return self.secret.blank(ref)

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the four forms."""
        shapes: tuple[Shape, ...] = (self.secret, self.basic, self.bearer, self.oauth2)
        return {"anyOf": [shape.schema(definitions) for shape in shapes]}


@cache
def definition_shape() -> NodeShape:
    """Return the shape of a whole definition."""
    return _node(Workflow)


@cache
def _node(cls: type[Node]) -> NodeShape:
    """Make the shape of a struct."""
    return NodeShape(cls, _fields(cls))


def _fields(cls: type[Node]) -> tuple[Field, ...]:
    """Make the fields of a struct, in the order of the struct."""
    fields = []
    for info in msgspec.structs.fields(cls):
        if info.name in cls.filled:
            continue
        hint, note = _split(info.type)
        needed = info.required or any(info.encode_name in group for group in cls.exactly_one)
        default = info.default_factory() if info.default_factory is not msgspec.NODEFAULT else info.default
        shape = _shape(hint, note, needed=needed)
        fields.append(Field(info.name, info.encode_name, note, shape, info.required, default))
    return tuple(fields)


def _split(hint: Any) -> tuple[Any, Property]:
    """Take a field's type apart: the type without None, and the note."""
    if get_origin(hint) in {Union, UnionType}:
        rest = [part for part in get_args(hint) if part is not NoneType]
        if len(rest) == 1:
            return _split(rest[0])
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        return inner, next(note for note in notes if isinstance(note, Property))
    return hint, Property(doc="")


def _shape(hint: Any, note: Property, *, needed: bool) -> Shape:
    """Choose the shape of a type."""
    simple: dict[Any, type[StringShape]] = {
        str: StringShape,
        str | Expression: TextOrExpressionShape,
        Expression: ExpressionShape,
        Duration: DurationShape,
        Instant: InstantShape,
        Interval: IntervalShape,
    }
    if hint in simple:
        return simple[hint](note)
    if hint == Value:
        return ValueShape(note)
    if hint == State:
        return StateShape(get_args(State))
    if hint is bool:
        return BooleanShape()
    if hint == Credentials:
        return CredentialsShape()
    if get_origin(hint) is OneOf:
        return EnumShape(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Node):
        return _node(hint)
    return _compound(hint, note, needed=needed)


def _compound(hint: Any, note: Property, *, needed: bool) -> Shape:
    """Choose the shape of a type that is made of others."""
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        item, item_note = _split(arguments[0])
        return ArrayShape(_shape(item, item_note, needed=False), note, needed=needed)
    if get_origin(hint) is dict:
        if hint == get_args(Metadata)[0]:
            return MetadataShape(StringShape())
        if arguments[1] is Any:
            return ObjectShape(note)
        item, item_note = _split(arguments[1])
        return MapShape(_shape(item, item_note, needed=False))
    number = next(part for part in arguments if part in {int, float})
    text = DurationShape(note) if Duration in arguments else ExpressionShape(note)
    return NumberShape(note, whole=number is int, text=text)
