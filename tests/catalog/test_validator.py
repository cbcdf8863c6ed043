"""Data is checked against the messages of an operation."""

import time
from typing import Any

import pytest

from evenweave.catalog.validator import Mismatch, Validator, compile_schema
from evenweave.plan.operation import Message, Operation, encode


def operation(*messages: Message) -> Operation:
    """Return an operation with these messages."""
    return Operation(
        ref="file://a.yaml#b",
        service="A",
        version="1",
        operation_id="b",
        channel="c",
        direction="publish",
        messages=messages,
    )


def message(payload: Any, name: str = "m") -> Message:
    """Return a message with this payload."""
    return Message(name=name, payload=payload)


ORDER = message({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}, "Order")
COUNT = message({"type": "integer", "minimum": 1}, "Count")


def test_validator_passes_what_fits() -> None:
    """Data that fits has no problems."""
    assert Validator(operation(ORDER)).check({"id": "1"}) == []


def test_validator_tells_every_problem_with_its_path() -> None:
    """Each problem has the pointer to its place in the data."""
    assert Validator(operation(ORDER)).check({"id": 3}) == [Mismatch("/id", '3 is not of type "string"')]
    assert Validator(operation(ORDER)).check([])[0].path == ""


def test_validator_takes_one_of_several_messages() -> None:
    """Data fits where it fits one message; where none, the problems are the nearest one's."""
    validator = Validator(operation(ORDER, COUNT))
    assert validator.check({"id": "1"}) == []
    assert validator.check(4) == []
    problems = validator.check(0)
    assert problems[0] == Mismatch("", 'the data fits none of 2 messages, the nearest is "Order"')
    assert len(problems) == 2


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (Message(name="m"),),
        (ORDER, Message(name="m")),
        (message(True),),
        (Message(name="m", payload={"type": "record"}, schema_format="application/vnd.apache.avro"),),
    ],
)
def test_validator_without_a_schema_passes_everything(messages: tuple[Message, ...]) -> None:
    """No message, one without a schema, and one in a format that is not checked let anything pass."""
    for data in (None, 3, "x", [], {"a": [1]}):
        assert Validator(operation(*messages)).check(data) == []


def test_validator_fetches_nothing() -> None:
    """A schema that refers out of itself is refused before anything is fetched."""
    for ref in ("file:///etc/passwd", "http://127.0.0.1:9/x", "other.json", "#/nowhere"):
        with pytest.raises(ValueError, match=r"not present in a registry|does not exist"):
            Validator(operation(message({"$ref": ref})))


def test_validator_bounds_evil_patterns() -> None:
    """A pattern that backtracks without end is stopped."""
    validator = compile_schema({"pattern": r"^(?=(a+)+$)(a+)+$"})
    started = time.process_time()
    assert not validator.is_valid("a" * 5_000 + "!")
    assert time.process_time() - started < 2


def test_validator_bounds_what_it_tells() -> None:
    """However wrong the data, at most twenty problems come back."""
    schema = {"items": {"type": "string"}}
    assert len(Validator(operation(message(schema))).check([0] * 500)) == 20


def test_operation_encodes_the_same_for_the_same_meaning() -> None:
    """The encoding pins an operation: the order of keys in a schema does not count, anything else does."""
    one = operation(message({"type": "object", "required": ["a"]}))
    other = operation(message({"required": ["a"], "type": "object"}))
    assert encode(one) == encode(other)
    assert encode(one) != encode(operation(message({"type": "object"})))
