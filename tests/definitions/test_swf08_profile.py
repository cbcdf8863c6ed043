"""The profile `sonataflow`: files as they are found in the wild, each thing that is read otherwise said."""

import json
from typing import Any

import pytest
from swf08_examples import read

from evenweave import source
from evenweave.definitions.swf08 import PROFILE, Loaded, load, model, name_profile


def wild(value: dict[str, Any], **documents: Any) -> Loaded:
    """Read a definition as SonataFlow would; ``documents`` are files beside it, by name without `.json`."""
    document = source.load("flow.sw.json", json.dumps(value)).document
    assert document is not None
    held = {f"file://{name}.json": source.load(name, json.dumps(item)).document for name, item in documents.items()}
    return load(document, held.get, "sonataflow")


def operation(*actions: Any, **more: Any) -> dict[str, Any]:
    """A definition with one operation state."""
    state = {"name": "A", "type": "operation", "actions": list(actions), "end": True}
    return {"id": "x", "states": [state], **more}


def codes(loaded: Loaded) -> set[str]:
    """What was said, but for the missing version and the merging of arrays."""
    return {item.code for item in loaded.diagnostics} - {"SW401", "SW408"}


ECHO = {"name": "echo", "type": "expression", "operation": "."}


def arguments(value: Any) -> tuple[Any, set[str]]:
    """What the arguments of a call become."""
    loaded = wild(operation({"functionRef": {"refName": "echo", "arguments": value}}, functions=[ECHO]))
    if loaded.workflow is None:
        return None, codes(loaded)
    state = loaded.workflow.states[0]
    assert isinstance(state, model.OperationState)
    assert state.actions[0].function_ref is not None
    return state.actions[0].function_ref.arguments, codes(loaded)


@pytest.mark.parametrize("text", [".order.id", "$item", '"text"', "{half: .number / 2}", "1", "now", "length", "true"])
def test_profile_takes_for_an_expression_what_compiles(text: str) -> None:
    """A text that is jq is an expression in arguments, with a warning; also one that only jackson-jq used to take."""
    loaded = wild(
        {
            "id": "x",
            "functions": [ECHO],
            "states": [
                {
                    "name": "A",
                    "type": "foreach",
                    "inputCollection": ".all",
                    "iterationParam": "item",
                    "actions": [{"functionRef": {"refName": "echo", "arguments": {"value": text}}}],
                    "end": True,
                }
            ],
        }
    )
    assert loaded.workflow is not None
    assert codes(loaded) == {"SW404"}
    state = loaded.workflow.states[0]
    assert isinstance(state, model.ForEachState)
    assert state.actions[0].function_ref is not None
    given = state.actions[0].function_ref.arguments
    assert isinstance(given, model.Members)
    assert isinstance(given.members["value"], model.Expression)


@pytest.mark.parametrize("text", ["hello", "Hello, world", "error", "", "C - D", "a/b", "2021-01-01T00:00:00Z", ".a."])
def test_profile_leaves_text_that_is_no_expression(text: str) -> None:
    """A text that is no jq, or names a function that cannot be called, stays text, without a word."""
    given, said = arguments({"value": text})
    assert given == model.Literal(ref="/states/0/actions/0/functionRef/arguments", value={"value": text})
    assert said == set()


def test_profile_takes_arguments_that_are_an_expression() -> None:
    """All arguments may be one expression, with or without its `${ }`; other text is an error."""
    for text in (".order", "${ .order }"):
        given, said = arguments(text)
        assert isinstance(given, model.Expression)
        assert given.text == ".order"
        assert said == {"SW024"}
    assert arguments("the order")[1] == {"SW001"}


def test_profile_takes_texts_for_truth_values() -> None:
    """`"true"` and `"false"` are taken wherever a truth value is due; anything else is not."""
    action = {"functionRef": "echo", "actionDataFilter": {"useResults": "false"}}
    value = operation(action, functions=[ECHO], keepActive="false")
    value["states"][0]["end"] = {"terminate": "true"}
    loaded = wild(value)
    assert loaded.workflow is not None
    assert codes(loaded) == {"SW402"}
    state = loaded.workflow.states[0]
    assert isinstance(state, model.OperationState)
    assert state.end is not None
    assert state.actions[0].action_data_filter is not None
    assert (state.end.terminate, state.actions[0].action_data_filter.use_results) == (True, False)
    value["states"][0]["end"] = "yes"
    assert "SW001" in codes(wild(value))
    value["states"][0]["end"] = "false"
    assert codes(wild(value)) == {"SW402", "SW204"}


def test_profile_keeps_numbers_as_they_are_written() -> None:
    """A version without quotes is the text of the file, not what the number would be."""
    loaded = read(f"id: x\nversion: 1.10\nspecVersion: 0.8\n{PROFILE}: sonataflow\nstates: [{STATE}]\n")
    assert loaded.workflow is not None
    assert (loaded.workflow.version, loaded.workflow.spec_version) == ("1.10", "0.8")
    assert [item.code for item in loaded.diagnostics] == ["SW403", "SW403"]


STATE = "{name: A, type: inject, data: {}, end: true}"


def test_profile_finds_files_on_the_class_path() -> None:
    """`classpath:` leads to files beside the definition, for resources, operations and schemas alike."""
    call = {"name": "call", "operation": "classpath:api.yaml#go"}
    value = operation(
        {"functionRef": "call"}, functions="classpath:functions.json", dataInputSchema="classpath:/in.json"
    )
    loaded = wild(value, functions={"functions": [call]}, **{"in": {"type": "object"}})
    assert loaded.workflow is not None
    assert codes(loaded) == {"SW405"}
    assert loaded.workflow.functions[0].operation == "file://api.yaml#go"
    assert loaded.workflow.functions[0].ref == "file://functions.json#/functions/0"
    assert [each.uri for each in loaded.workflow.resources] == ["file://functions.json"]
    schema = loaded.workflow.data_input_schema
    assert schema is not None
    assert schema.content == {"type": "object"}
    assert codes(wild(operation(functions="classpath:missing.json"))) == {"SW405", "SW108"}


def test_profile_compares_no_sources() -> None:
    """A consumed event fits whatever its source; one that is produced keeps it, and AsyncAPI operations theirs."""
    events = [
        {"name": "a", "type": "t", "source": "/there"},
        {"name": "b", "type": "u"},
        {"name": "c", "type": "v", "kind": "produced", "source": "/here"},
        {"name": "d", "type": "asyncapi", "source": "file://orders.yaml#sent"},
    ]
    loaded = wild({"id": "x", "events": events, "states": [{"name": "A", "type": "inject", "data": {}, "end": True}]})
    assert loaded.workflow is not None
    assert [event.source for event in loaded.workflow.events] == ["", "", "/here", "file://orders.yaml#sent"]
    assert len([item for item in loaded.diagnostics if item.code == "SW407"]) == 2


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("rest:get:/a/b", "get:/a/b"),
        ("rest:POST:http://h:1/a", "post:http://h:1/a"),
        ("rest:/a", "post:/a"),
        ("rest:http://h/a", "post:http://h/a"),
    ],
)
def test_profile_reads_custom_rest_functions(written: str, read_as: str) -> None:
    """`rest:METHOD:URL` is a REST function in the short form; POST without a method."""
    call = {"name": "call", "type": "custom", "operation": written}
    loaded = wild(operation({"functionRef": "call"}, functions=[call]))
    assert loaded.workflow is not None
    assert codes(loaded) == {"SW410"}
    assert (loaded.workflow.functions[0].type, loaded.workflow.functions[0].operation) == ("rest", read_as)


def test_profile_is_named_by_the_definition_or_the_caller() -> None:
    """A definition may name its profile itself; the caller's word counts more."""
    text = json.dumps(
        {"id": "x", PROFILE: "sonataflow", "states": [{"name": "A", "type": "inject", "data": {}, "end": True}]}
    )
    document = source.load("flow.json", text).document
    assert document is not None
    own = load(document)
    assert own.workflow is not None
    assert own.workflow.profile == "sonataflow"
    assert [item.code for item in load(document, profile="default").diagnostics] == ["SW002"]


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "x",\n "states": []\n}\n',
        "# first\nid: x\nstates: [] # none\n",
        "{id: x, states: []}",
        f'{{"id": "x", "{PROFILE}": "default"}}',
        "id: x\nstates: []\n...\n",
    ],
)
def test_profile_is_put_into_a_text(text: str) -> None:
    """What is registered names its profile, and its lines stay where they were wherever that is possible."""
    document = source.load("flow.yaml", text).document
    assert document is not None
    named = name_profile(document, "sonataflow").decode()
    again = source.load("flow.yaml", named).document
    assert again is not None
    assert again.value == {**document.value, PROFILE: "sonataflow"}
    if PROFILE not in text and "..." not in text:
        assert again.span("/states").start_line == document.span("/states").start_line


def test_profile_knows_functions_by_numbers() -> None:
    """A function whose name is a number is found by its text, and has its program."""
    function = {"name": 5, "type": "expression", "operation": ".a"}
    loaded = wild(operation({"functionRef": "5"}, functions=[function]))
    assert loaded.workflow is not None
    assert loaded.workflow.functions[0].expression is not None
    assert loaded.workflow.functions[0].expression.text == ".a"
