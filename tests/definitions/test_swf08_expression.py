"""Which strings hold expressions, and where."""

import pytest
from swf08_examples import read

from evenweave.definitions.swf08.expression import (
    Expression,
    Items,
    Literal,
    Members,
    Text,
    find,
    is_whole,
)
from evenweave.definitions.swf08.model import ForEachState, OperationState, SwitchState, Workflow


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("plain", []),
        ("${ .a }", [".a"]),
        ("${.a}", [".a"]),
        ("Book ${ .title } by ${ .author }", [".title", ".author"]),
        ("${ {a: {b: .c}} }", ["{a: {b: .c}}"]),
        ('${ "}" }', ['"}"']),
        (r'${ "\"}" }', [r'"\"}"']),
        (r'${ "a\("}" + "b")c}" }', [r'"a\("}" + "b")c}"']),
        ("${ .a == '}' }", [".a == '}'"]),
        ("$ {a}", []),
    ],
)
def test_expression_is_found(text: str, programs: list[str]) -> None:
    """The programs between `${` and its own brace are found; braces in objects and strings are not its end."""
    assert [embedded.program for embedded in find(text)] == programs
    assert all(embedded.closed for embedded in find(text))


def test_expression_knows_its_place() -> None:
    """The offset of a program counts from the begin of the string, without white space."""
    (embedded,) = find("a ${   .b }!")
    assert (embedded.start, embedded.end, embedded.offset) == (2, 11, 7)
    assert not is_whole("a ${ .b }", find("a ${ .b }"))
    assert is_whole(" ${ .b } ", find(" ${ .b } "))


def test_expression_that_is_not_closed_is_told() -> None:
    """An expression without its brace reaches to the end and says so."""
    (embedded,) = find('a ${ "}')
    assert not embedded.closed
    assert embedded.end == 7


@pytest.mark.parametrize(
    ("program", "mended", "hint", "column"),
    [
        (".a == 'x'", '.a == "x"', 'write "x"', 7),
        (""".a == 'say "x"'""", r'.a == "say \"x\""', r'write "say \"x\""', 7),
        (
            """.a == "it's" and .b == 'c'""",
            """.a == "it's" and .b == "c\"""",
            """write .a == "it's" and .b == "c\"""",
            24,
        ),
    ],
)
def test_single_quotes_are_read_as_double_quotes(program: str, mended: str, hint: str, column: int) -> None:
    """Strings in single quotes become those of jq, with a warning at the first; the others are left alone."""
    loaded = read(f"""id: x
specVersion: "0.8"
states:
- name: A
  type: inject
  data: {{}}
  end: true
  stateDataFilter:
    output: |
      {program}
""")
    (diagnostic,) = loaded.diagnostics
    assert (diagnostic.code, diagnostic.hint) == ("SW302", hint)
    assert (diagnostic.span.start_line, diagnostic.span.start_column) == (10, 6 + column)
    assert loaded.workflow is not None
    state_filter = loaded.workflow.states[0].state_data_filter
    assert state_filter is not None
    assert state_filter.output is not None
    assert state_filter.output.text == mended


def workflow(states: str, rest: str = "") -> Workflow:
    """Read a definition that has no mistakes."""
    loaded = read(f'id: orders\nspecVersion: "0.8"\nstates:\n{states}\n{rest}')
    assert loaded.workflow is not None, loaded.diagnostics
    return loaded.workflow


FUNCTIONS = (
    "functions:\n  - {name: pay, operation: 'pay.json#pay'}\n  - {name: isPaid, type: expression, operation: .paid}"
)


def test_expression_in_arguments_keeps_its_form() -> None:
    """Arguments become literals, expressions, templates, objects and lists, each with its reference."""
    action = """
      arguments:
        plain: {a: [1, .b]}
        whole: "${ .order.id }"
        text: "Order ${ .order.id } of ${ .customer }"
        list: [1, "${ .a }"]"""
    states = (
        "  - name: Pay\n    type: operation\n    end: true\n    actions:\n    - functionRef:\n        refName: pay"
        + action.replace("\n", "\n  ")
    )
    state = workflow(states, FUNCTIONS).states[0]
    assert isinstance(state, OperationState)
    call = state.actions[0].function_ref
    assert call is not None
    assert isinstance(call.arguments, Members)
    members = call.arguments.members
    ref = "/states/0/actions/0/functionRef/arguments"
    assert members["plain"] == Literal(ref=f"{ref}/plain", value={"a": [1, ".b"]})
    assert members["whole"] == Expression(ref=f"{ref}/whole", text=".order.id", offset=3)
    assert isinstance(members["text"], Text)
    assert [part if isinstance(part, str) else part.text for part in members["text"].parts] == [
        "Order ",
        ".order.id",
        " of ",
        ".customer",
    ]
    assert isinstance(members["list"], Items)
    assert members["list"].items[1] == Expression(ref=f"{ref}/list/1", text=".a", offset=3)


def test_expression_function_is_put_in_place() -> None:
    """`${ fn:name }` becomes the program of the function, mended where it was mended there."""
    states = """  - name: Check
    type: switch
    dataConditions:
      - {condition: "${ fn:isPaid }", end: true}
    defaultCondition: {end: true}"""
    state = workflow(states, FUNCTIONS).states[0]
    assert isinstance(state, SwitchState)
    assert state.data_conditions is not None
    condition = state.data_conditions[0].condition
    assert (condition.text, condition.function) == (".paid", "isPaid")


def test_expression_of_a_foreach_may_name_its_item() -> None:
    """The iteration parameter is a variable of the expressions inside of its state, and of no others."""
    states = """  - name: Each
    type: foreach
    inputCollection: .orders
    iterationParam: order
    actions:
      - {condition: $order.paid, functionRef: pay}
    end: true"""
    state = workflow(states, FUNCTIONS).states[0]
    assert isinstance(state, ForEachState)
    assert state.actions[0].condition is not None
    assert state.actions[0].condition.variables == ("CONST", "SECRETS", "WORKFLOW", "order")
    wrong = read(f'id: orders\nspecVersion: "0.8"\nstates:\n{states.replace("$order", "$payment")}\n{FUNCTIONS}')
    assert [diagnostic.code for diagnostic in wrong.diagnostics] == ["SW301"]
