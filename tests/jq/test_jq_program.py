"""The interface of a compiled expression."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from test_jq_differential import VALUES, programs

from evenweave import jq


def test_program_first_gives_the_first_output_or_none() -> None:
    """First is the first output, and None both for null and for no output at all."""
    assert jq.compile(".[]").first([3, 4]) == 3
    assert jq.compile(".[]").first([]) is None
    assert jq.compile("empty").first(1) is None
    assert jq.compile(".a?").first(1) is None
    assert jq.compile(".a").first({"a": 0}) == 0


def test_program_iter_keeps_outputs_before_an_error() -> None:
    """Outputs come one by one, so those before an error are not lost."""
    outputs = jq.compile('1, 2, error("x"), 3').iter(None)
    assert next(outputs) == 1
    assert next(outputs) == 2
    with pytest.raises(jq.JqError, match="x"):
        next(outputs)


def test_program_all_raises_for_an_error_after_outputs() -> None:
    """All or nothing: an error after the first output is an error of all."""
    with pytest.raises(jq.JqError):
        jq.compile('1, error("x")').all(None)


def test_program_takes_variables_by_name() -> None:
    """Variables are passed with each evaluation, whatever their names are."""
    program = jq.compile("[$context.a, $value, $self, $budget]", variables=["context", "value", "self", "budget"])
    assert program.first(None, context={"a": 1}, value=2, self=3, budget=4) == [1, 2, 3, 4]
    assert program.all(None, jq.Budget(), context={}, value=2, self=3, budget=4) == [[None, 2, 3, 4]]


@pytest.mark.parametrize("variables", [{}, {"a": 1, "b": 2}, {"b": 1}])
def test_program_refuses_missing_and_unknown_variables(variables: dict[str, Any]) -> None:
    """Each variable has to be passed, and no other."""
    with pytest.raises(TypeError, match="variables"):
        jq.compile("$a", variables=["a"]).first(None, **variables)
    with pytest.raises(TypeError, match="variables"):
        jq.compile(".").first(None, a=1)


def test_program_budget_is_shared_by_several_evaluations() -> None:
    """Evaluations that are passed one budget draw from the same fuel."""
    program = jq.compile("[range(400)] | length")
    budget = jq.Budget(1000)
    assert program.first(None, budget) == 400
    assert 0 <= budget.left < 600
    with pytest.raises(jq.JqLimitError):
        program.first(None, budget)


def test_program_now_is_an_attribute_of_the_budget() -> None:
    """The clock is what the caller says, and without a word from the caller there is none."""
    program = jq.compile("now | todate")
    assert program.first(None, jq.Budget(now=0.5)) == "1970-01-01T00:00:00Z"
    with pytest.raises(jq.JqError, match="now is not known"):
        program.first(None)


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        (".a", {("a",)}),
        (".a.b, .a.c", {("a", "b"), ("a", "c")}),
        (".a.b, .a", {("a",)}),
        ('.payment.status == "ok" and .order.id > 3', {("payment", "status"), ("order", "id")}),
        ("[.items[] | select(.qty > 2) | .sku]", {("items",)}),
        ('{a: .x, b: "\\(.y.z)"}', {("x",), ("y", "z")}),
        (".a as $x | .b + $x", {("a",), ("b",)}),
        ("reduce .a[] as $x (.b; . + $x)", {("a",), ("b",)}),
        ("1 + 1", set()),
        (".a[.i]?", {("a",), ("i",)}),
        (".", None),
        ("..", None),
        ("keys", None),
        (".a = 1", None),
        ("if .a then .b end", None),
        ("if .a then .b else .c end", {("a",), ("b",), ("c",)}),
        ("def f: .a; f", None),
        ("tojson", None),
    ],
)
def test_program_reads_tells_what_an_expression_looks_at(source: str, reads: set[tuple[str, ...]] | None) -> None:
    """Reads are the shortest field paths that cover all that has an influence."""
    assert jq.compile(source).reads == (None if reads is None else frozenset(reads))


def prune(value: Any, reads: frozenset[tuple[str, ...]]) -> Any:
    """The value without what is below none of the paths."""
    if () in reads or not isinstance(value, dict):
        return value
    inner: dict[str, set[tuple[str, ...]]] = {}
    for path in reads:
        inner.setdefault(path[0], set()).add(path[1:])
    return {key: prune(value[key], frozenset(paths)) for key, paths in inner.items() if key in value}


def outcome(program: jq.Program, value: Any) -> list[Any]:
    """The outputs, with an error at the end if there is one."""
    outputs: list[Any] = []
    try:
        for output in program.iter(value):
            outputs.append(repr(output))  # noqa: PERF401 - those before an error count
    except jq.JqError:
        outputs.append("error")
    return outputs


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(source=programs(), value=VALUES)
def test_program_outputs_depend_on_its_reads_alone(source: str, value: Any) -> None:
    """What is not read may be pruned without any influence on the outputs."""
    try:
        program = jq.compile(source)
    except jq.JqSyntaxError:
        return
    if program.reads is not None:
        assert outcome(program, prune(value, program.reads)) == outcome(program, value)


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(source=programs(), value=VALUES)
def test_program_never_changes_its_input(source: str, value: Any) -> None:
    """Values are shared between instances: an evaluation leaves its input as it was."""
    before = copy.deepcopy(value)
    try:
        outcome(jq.compile(source), value)
    except jq.JqSyntaxError:
        return
    assert repr(value) == repr(before)


@pytest.mark.parametrize(
    ("source", "is_path"),
    [
        (".", True),
        (".a.b[0]", True),
        (".a[] | select(.x) // .y", True),
        ("first(.a, .b)", True),
        ("if .a then .b else .c end", True),
        (".a as $x | .b[$x]", True),
        ("def f: .a; f", True),
        ("1", False),
        (".a + 1", False),
        ("[.a]", False),
        ("{a: .a}", False),
        (".a | tostring", False),
    ],
)
def test_program_is_path_tells_path_expressions(source: str, is_path: bool) -> None:
    """Whether an expression selects is known when it is compiled."""
    assert jq.compile(source).is_path is is_path


def test_program_paths_gives_what_an_expression_selects() -> None:
    """The paths are those of path(expression), as lists of keys."""
    assert jq.compile(".a[1:], .b?").paths({"a": [1, 2]}) == [["a", {"start": 1, "end": None}], ["b"]]
    assert jq.compile(".[$i]", variables=["i"]).paths([1, 2], i=1) == [[1]]
    with pytest.raises(jq.JqError, match="Invalid path expression"):
        jq.compile("1").paths(None)


def test_setpath_makes_a_new_value() -> None:
    """Setpath puts a value at a path and leaves the old value alone."""
    old = {"a": [1, {"b": 2}], "c": {}}
    new = jq.setpath(old, ["a", 1, "b"], 3)
    assert new == {"a": [1, {"b": 3}], "c": {}}
    assert old == {"a": [1, {"b": 2}], "c": {}}
    assert new["c"] is old["c"]
    assert jq.setpath(None, ["x", 1], 5) == {"x": [None, 5]}
    assert jq.setpath(old, [], 1) == 1
    with pytest.raises(jq.JqError, match="Cannot index"):
        jq.setpath(old, ["a", "b"], 1)


def test_getpath_reads_a_path() -> None:
    """Getpath follows a path, and gives None once there is nothing."""
    assert jq.getpath({"a": [1, 2]}, ["a", 1]) == 2
    assert jq.getpath({"a": None}, ["a", "b", "c"]) is None


def test_program_assignments_do_not_share_what_they_change() -> None:
    """A value that was read on the way is not changed by a later assignment of the same expression."""
    source = "(.a.b, .a) |= {old: .} | .a.old.b.old = 9"
    assert jq.compile(source).first({"a": {"b": 1}}) == {"a": {"old": {"b": {"old": 9}}}}
    twice = jq.compile('(.a.x, .a) |= (if type == "object" then [., .] else 5 end) | .a[0].x = 6')
    assert twice.first({"a": {"x": 1}}) == {"a": [{"x": 6}, {"x": 5}]}


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        (".order", ("order",)),
        ('.order["id"]', ("order", "id")),
        (".", ()),
        (".items[0]", None),
        (".a | .b", None),
        (".a + .b", None),
    ],
)
def test_program_names_the_fields_it_is_made_of(source: str, fields: tuple[str, ...] | None) -> None:
    """A program that is nothing but fields of its input says which, so that they need not be evaluated."""
    assert jq.compile(source).fields == fields
