"""Where a document's operations and messages are, with references followed and traits laid over them.

Everything here takes a document as it comes: what is missing or of a wrong kind is skipped, for it is told elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from evenweave.catalog.asyncapi.references import Broken, Location, References

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Found", "Layers", "Verb", "channels", "layers", "messages", "operations", "schema_format"]

#: What AsyncAPI 2 calls an operation. It says what **others** do: at `publish` they publish and the service receives.
Verb = Literal["publish", "subscribe"]

_VERBS: tuple[Verb, Verb] = ("publish", "subscribe")


class Layers(NamedTuple):
    """An operation or a message and its traits, in the order in which they are laid over one another.

    2.6.0, Operation Trait Object: traits are merged into the object by the JSON merge patch algorithm in their order.
    So the last that has a property wins, and the object itself yields to every trait.
    """

    of: tuple[Location, ...]

    def get(self, name: str) -> Location | None:
        """Return the property ``name`` as it is after the merge, where it is not a mapping in several layers."""
        for layer in reversed(self.of):
            found = layer.child(name)
            if found is not None:
                return None if found.value is None else found
        return None

    def every(self, name: str) -> list[Location]:
        """Return the property ``name`` of each layer that has it, in the order in which they are merged."""
        found = [layer.child(name) for layer in self.of]
        return [each for each in found if each is not None]

    def text(self, name: str) -> str:
        """Return the text of the property ``name``, or the empty one."""
        found = self.get(name)
        return found.value if found and isinstance(found.value, str) else ""


class Found(NamedTuple):
    """An operation: its channel, what AsyncAPI calls it there, and its layers."""

    address: str
    channel: Location
    verb: Verb
    layers: Layers

    @property
    def given_id(self) -> Location | None:
        """Where the operation's id is given, if it is."""
        found = self.layers.get("operationId")
        return found if found and isinstance(found.value, str) and found.value else None

    @property
    def operation_id(self) -> str:
        """The operation's id; without one, it is made of what never changes by itself: the channel and the verb."""
        given = self.given_id
        return given.value if given else f"{self.address}.{self.verb}"


def channels(references: References) -> Iterator[tuple[str, Location]]:
    """Yield the address and the place of each channel."""
    found = references.root().child("channels")
    for address, channel in found.children() if found else ():
        # 2.6.0, Channel Item Object: `$ref` stands in the item, not in its place.
        item = references.follow(channel)
        if isinstance(item, Location) and isinstance(item.value, dict):
            yield str(address), item


def operations(references: References) -> Iterator[Found]:
    """Yield the operations in the order of the document."""
    for address, channel in channels(references):
        for verb in _VERBS:
            operation = channel.child(verb)
            if operation is not None and isinstance(operation.value, dict):
                yield Found(address, channel, verb, layers(operation, references))


def layers(location: Location, references: References) -> Layers:
    """Return the operation or message at ``location`` with its traits over it."""
    traits = location.child("traits")
    followed = [references.follow(trait) for _, trait in traits.children()] if traits else []
    return Layers((location, *(trait for trait in followed if isinstance(trait, Location))))


def messages(location: Location, references: References) -> Iterator[Location | Broken]:
    """Yield the messages that the one at ``location`` stands for: itself, or each of its ``oneOf``, at any depth.

    A message that a reference does not lead to is yielded as broken.
    """
    seen: set[tuple[str, str]] = set()
    todo = [location]
    while todo:
        message = references.follow(todo.pop())
        if isinstance(message, Broken):
            yield message
            continue
        if message.key in seen or not isinstance(message.value, dict):
            continue
        seen.add(message.key)
        choice = message.child("oneOf")
        if choice is None:
            yield message
        else:
            todo.extend(reversed([each for _, each in choice.children()]))


def schema_format(message: Layers) -> str:
    """Return the format of a message's payload, or the empty text where it is JSON Schema or AsyncAPI's own."""
    written = message.text("schemaFormat")
    kind = written.partition(";")[0].strip().lower()
    json_schema = ("application/vnd.aai.asyncapi", "application/schema")
    return "" if not written or kind.removesuffix("+json").removesuffix("+yaml") in json_schema else written
