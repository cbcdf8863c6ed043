"""No definition, however broken, raises anything."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swf08_examples import examples, mutate, needs_shared, properties, read, values

from evenweave import source
from evenweave.definitions.swf08 import load
from evenweave.definitions.swf08.rules import RULES

WORDS = st.sampled_from(
    [
        *(
            "id",
            "specVersion",
            "states",
            "name",
            "type",
            "event",
            "operation",
            "switch",
            "parallel",
            "foreach",
            "sleep",
        ),
        *("callback", "inject", "onEvents", "eventRefs", "actions", "functionRef", "eventRef", "arguments", "data"),
        *("condition", "transition", "end", "branches", "duration", "events", "functions", "source", "expression"),
        *("asyncapi", "retries", "errors", "auth", "timeouts", "start", "schedule", "cron", "metadata"),
        *("resultEventRef", "inputCollection", "iterationParam", "numCompleted", "properties", "scheme"),
    ]
)
TEXTS = st.one_of(
    WORDS,
    st.sampled_from(
        ["${ .a }", "${ .a", "${", "a ${ . } b", "${ fn:x }", "fn:", "'", "${ 'a' }", "PT1S", "R/PT1S", "0.8"]
    ),
    st.text(max_size=12),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, TEXTS), inner, max_size=6)),
    max_leaves=30,
)


def survives(text: str) -> None:
    """Read a definition; what is said of it is well formed, and it is refused if there is an error."""
    document = source.load("fuzz.json", text).document
    if document is None:
        return
    loaded = load(document)
    assert (loaded.workflow is None) == source.has_errors(loaded.diagnostics)
    for diagnostic in loaded.diagnostics:
        assert diagnostic.code in RULES
        assert diagnostic.message
    source.render(loaded.diagnostics, {"fuzz.json": document.text})


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_load_survives_random_json(value: object) -> None:
    """Random JSON made of the words of the language gives diagnostics."""
    survives(json.dumps(value))


@given(st.dictionaries(WORDS, JSON, max_size=5), st.lists(st.dictionaries(WORDS, JSON, max_size=8), max_size=3))
@settings(max_examples=300, deadline=None)
def test_load_survives_random_states(top: dict[str, object], states: list[dict[str, object]]) -> None:
    """Random states in an otherwise plausible definition give diagnostics."""
    survives(json.dumps({**top, "id": "x", "specVersion": "0.8", "states": states}))


@needs_shared
@pytest.mark.parametrize("seed", range(3))
def test_load_survives_mutated_examples(seed: int) -> None:
    """Examples with several mutations on top of each other give diagnostics."""
    chance = random.Random(1000 + seed)
    bases = values()
    for _ in range(60):
        value = chance.choice(bases)
        for _ in range(chance.randint(1, 6)):
            value = mutate(chance, value)
        survives(json.dumps(value))


@needs_shared
def test_load_survives_cut_texts() -> None:
    """Examples cut off anywhere, or with a stretch taken out, give diagnostics."""
    chance = random.Random(5)
    texts = list(examples())
    for _ in range(100):
        name, text = chance.choice(texts)
        start = chance.randrange(len(text))
        cut = text[:start] + text[start + chance.randint(1, 40) :]
        document = source.load(name, cut).document
        if document is not None:
            load(document)


@needs_shared
def test_load_survives_any_property_anywhere() -> None:
    """Each property of the language, wherever it does not belong and with whatever value, gives diagnostics."""
    action: dict[str, object] = {}
    plain: dict[str, object] = {"name": "A", "type": "operation", "actions": [action]}
    base: dict[str, object] = {"id": "x", "specVersion": "0.8", "states": [plain]}
    options: tuple[object, ...] = (None, [], {}, "", "x", 0, True, [{}], {"x": [1]})
    for key in properties():
        for value in options:
            survives(json.dumps({**base, key: value}))
            survives(json.dumps({**base, "states": [{**plain, key: value}]}))
            survives(json.dumps({**base, "states": [{**plain, "actions": [{key: value}]}]}))


def test_load_survives_deep_nesting() -> None:
    """A definition as deep as a document may be is read without reaching the interpreter's limit."""
    value: object = "${ .a }"
    for _ in range(50):
        value = {"a": [value]} if isinstance(value, str) else {"a": value}
    action = {"functionRef": {"refName": "f", "arguments": value}}
    survives(
        json.dumps(
            {"id": "x", "specVersion": "0.8", "states": [{"name": "A", "type": "operation", "actions": [action]}]}
        )
    )


def test_load_survives_hostile_expressions() -> None:
    """Long and deeply nested expressions are diagnostics too, in time that grows with their length."""
    for text in (
        "${ " * 5000,
        "${ " + "(" * 5000 + " }",
        "${ " + '"\\(' * 5000,
        "'" * 9999,
        "${ " + "{" * 9999 + "}" * 9999 + " }",
    ):
        state = {"name": "A", "type": "inject", "data": {}, "stateDataFilter": {"input": text}, "end": True}
        assert read(json.dumps({"id": "x", "specVersion": "0.8", "states": [state]})).workflow is None
