"""What does not compile, and where it says so."""

from __future__ import annotations

import pytest

from evenweave import jq

WRONG = [
    (".a +", 1, 5, "unexpected end of file"),
    (".a[", 1, 4, "unexpected end of file"),
    ("{a: 1", 1, 6, "unexpected end of file"),
    ("}", 1, 1, "unexpected '}'"),
    (".a\n| .b )", 2, 6, "unexpected ')'"),
    ('"abc', 1, 5, "end of file inside a string"),
    ('"a\\vb"', 1, 3, "Invalid escape"),
    ("1 == 2 == 3", 1, 8, "unexpected '=='"),
    ("$x", 1, 1, "$x is not defined"),
    ("1 as $x | $y", 1, 11, "$y is not defined"),
    ("foo", 1, 1, "foo/0 is not defined"),
    ("1 |\n foo(1; 2)", 2, 2, "foo/2 is not defined"),
    (". as $foo | break $foo", 1, 13, "$*label-foo is not defined"),
    ("{(0): 1}", 1, 3, "Cannot use number (0) as object key"),
    ("{1: 2}", 1, 2, "May need parentheses"),
    (". as [] | 1", 1, 7, "unexpected ']'"),
    ("if 1 then 2", 1, 12, "unexpected end of file"),
    ("@nope", 1, 1, "nope is not a valid format"),
    (".a == 'x'", 1, 7, "unexpected character"),
    ("(" * 500 + "1" + ")" * 500, 1, 101, "nested too deeply"),
    ("1" + "+1" * 5000, 1, 1, "nested too deeply"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), WRONG, ids=[case[0][:30] for case in WRONG])
def test_syntax_error_points_at_the_place(source: str, line: int, column: int, message: str) -> None:
    """A faulty expression says what is wrong, with the line and the column inside the expression."""
    with pytest.raises(jq.JqSyntaxError) as caught:
        jq.compile(source)
    error = caught.value
    assert message in error.message
    assert (error.line, error.column) == (line, column)
    lines = source[: error.offset].split("\n")
    assert (len(lines), len(lines[-1]) + 1) == (line, column)


@pytest.mark.parametrize(
    "source",
    [
        "env", "$ENV", "$ENV.PATH", "input", "inputs", "debug", 'debug("x")', "stderr", "halt", "halt_error",
        "halt_error(1)", "input_line_number", "input_filename", 'include "m"; .', 'import "m" as m; .',
        'import "d" as $d; .', "modulemeta", "get_search_list", "module {}; .", "[.[] | env.HOME]",
    ],
)  # fmt: skip
def test_syntax_refuses_what_reaches_outside(source: str) -> None:
    """Nothing that reads the environment, files or further input, or has an effect, compiles."""
    with pytest.raises(jq.JqSyntaxError):
        jq.compile(source)


def test_syntax_user_may_define_a_refused_name() -> None:
    """A function of the expression's own hides a name that is refused."""
    assert jq.compile("def env: 1; def input: 2; env + input").first(None) == 3


def test_errors_have_one_root() -> None:
    """All errors are of the package's own tree, and a limit is an error of the evaluation."""
    assert issubclass(jq.JqSyntaxError, jq.Error)
    assert issubclass(jq.JqError, jq.Error)
    assert issubclass(jq.JqLimitError, jq.JqError)
    assert str(jq.JqError({"a": 1})) == 'object ({"a":1}) (not a string)'


@pytest.mark.parametrize(
    ("source", "rewritten"),
    [
        (".a == 'x'", '.a == "x"'),
        (".a == 'it\\'s' and .b == \"y\"", '.a == "it\'s" and .b == "y"'),
        (".a == 'say \"hi\"'", '.a == "say \\"hi\\""'),
        (".a == 'x' # it's a comment", '.a == "x" # it\'s a comment'),
        (".a == 'x\\n'", '.a == "x\\n"'),
    ],
)
def test_quotes_are_swapped_where_that_helps(source: str, rewritten: str) -> None:
    """An expression with single quotes is read with double ones, so that it compiles."""
    assert jq.read_quotes(source) == rewritten
    jq.compile(rewritten)


@pytest.mark.parametrize("source", [".a", '"it\'s"', "'x", ".a == 'x' +", ".a +", "# it's\n.a"])
def test_quotes_are_left_where_swapping_does_not_help(source: str) -> None:
    """What compiles as it stands, or not at all, is not rewritten."""
    assert jq.read_quotes(source) is None


def test_quotes_know_the_variables() -> None:
    """The variables that an expression may use count when it is tried."""
    assert jq.read_quotes("$x == 'a'", variables=["x"]) == '$x == "a"'
    assert jq.read_quotes("$x == 'a'") is None
