"""Generated programs and values, against libjq."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

oracle = pytest.importorskip("oracle", reason="the libjq binding is not installed")

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

CASES = 20_000 if os.environ.get("EVENWEAVE_SLOW") else 400

NAMES = ("a", "b", "c")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 12),
    st.sampled_from([0.5, -1.5, 2.25, 1e3, 9007199254740993, -9007199254740993, 123456789012]),
    st.sampled_from(["", "a", "b", "ab", "a,b", "b a", "12", "é", "A", '"', "\\", "x\ty", "[1]", "1.5", "nul"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=10,
)

LITERALS = st.sampled_from(
    [
        "null",
        "true",
        "false",
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        '"a"',
        '"b"',
        '"a,b"',
        '""',
        "[]",
        "{}",
        "[1,2]",
        '{"a":1}',
        '["a"]',
    ]
)
SIMPLE = st.sampled_from(
    """
    . .a .b .c .[0] .[-1] .[1:] .[:1] .[] .[]? .a? .[0]? .. .a.b .["a"] .a[0] .a[]? .[1:]?
    length keys type add any all sort unique min max reverse flatten not tostring tojson tonumber
    to_entries from_entries transpose ascii_downcase ascii_upcase explode first last values nulls numbers strings
    arrays objects scalars iterables booleans empty error floor sqrt paths tostream keys_unsorted trim ltrim rtrim
    utf8bytelength implode fromjson toboolean abs isnan infinite nan @text @json @csv @tsv @html @uri @sh @base64
    @base64d @urid combinations ceil round fabs trunc isinfinite isnormal recurse leaf
    """.replace("leaf", ".").split()
)
BINARY = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", ",", "|")
PATHS = st.sampled_from([".a", ".b", ".[0]", ".[]", ".[]?", ".a.b", ".[1:]", "..", ".a[]?", ".c?", ".[-1]", ".a,.b"])
ONE_FILTER = (
    "map({})", "select({})", "map_values({})", "sort_by({})", "group_by({})", "unique_by({})", "min_by({})",
    "max_by({})", "any({})", "all({})", "with_entries({})", "first({})", "last({})", "isempty({})", "add({})", "[{}]",
    "({})?", "try ({}) catch .", "[limit(2;{})]", "[.[]?|{}]", "walk({})", "[paths({})]", "-({})", "{{a:{}}}",
    "{{({}):1}}", "[first(({}),1)]", '"x\\({})y"', "@json \"<\\({})>\"", "[limit(9;range({}))]", "del(.[{}]?)",
    ".[{}]?", ".[{}:]?", "has({})", "contains({})", "index({})", "indices({})", "join({})", "split({})",
    "startswith({})", "ltrimstr({})", "rtrimstr({})", "error({})", "inside({})", "in({})", "bsearch({})",
    "flatten({})", "IN({})", "getpath([{}])", "setpath([{}];1)", "delpaths([[{}]])", "nth({})", "[skip(1;{})]",
    "[recurse({};false)]", "test({})", "[splits({})]", "INDEX({})", "pick(.a|{})", "[.[]?|tojson|{}]",
    "[limit({};1,2,3)]", "tojson|{}", "reduce ({}) as $x (0;.+1)", "[foreach ({}) as $x (0;.+1;[$x,.])]",
    "label $f|({}),break $f", "if {} then 1 else 2 end", "if {} then .a end", "def f: {}; [f,f]",
    "def f(g): [g|g]; f({})", "def f($x): $x; f({})", ". as [$x,$y]|[$x,$y,({})]", ". as {{a:$x}}|[$x,({})]",
    "({}) as $x|[$x,$x]", "[. as [$x] ?// $x|[$x,({})]]", "[{}]|sort", "[{}]|unique", "[{}]|group_by(.)", "[{}]|add",
    "[{}]|tojson", "[paths]|{}", "to_entries|map({})", "[while(length>1;.[1:])|{}]", "[until(true;{})]",
    "$__loc__|{}", "[{}][0]", "[{}][:1]",
)  # fmt: skip
ASSIGN = ("=", "|=", "+=", "-=", "*=", "//=", "%=", "/=")


PATH_FORMS = (
    "{0}|{1}", "({0}),({1})", "{0}|select({2})", "if {2} then {0} else {1} end", "({0})//({1})", "first({0},{1})",
    "limit(1;{0})", "({0})?", "recurse({0}|select({2})|select(false))", "def f: {0}; f|{1}", "def f(g): g|{1}; f({0})",
    "label $f|({0}),break $f,({1})", "({2}) as $x|{0}", "skip(1;{0},{1})", "try ({0}) catch empty", "nth(1;{0},{1})",
    "getpath([\"a\"])|{0}", "last({0})?", "{0}|getpath([0,\"b\"])", "..|{0}", "{0}|error?", "empty,({1})",
)  # fmt: skip
USES_OF_PATHS = (
    "[path({0})]", "try path({0}) catch .", "del({0})", "({0})|={1}", "({0})+={1}", "({0})=({1})", "({0})//={1}",
    "pick({0})", "[paths]|length as $n|({0})|=$n", "to_entries|map(.value)|({0})|=1", "reduce path({0}) as $p (.;.)",
)  # fmt: skip


@st.composite
def paths(draw: DrawFn, depth: int = 2) -> str:
    """A path expression."""
    if depth == 0:
        return draw(PATHS)
    form = draw(st.sampled_from(PATH_FORMS))
    return form.format(draw(paths(depth - 1)), draw(paths(depth - 1)), draw(programs(1)))


@st.composite
def programs(draw: DrawFn, depth: int = 3) -> str:
    """A program without a loop that does not end by itself."""
    if depth == 0:
        return draw(st.one_of(SIMPLE, LITERALS))
    kind = draw(st.integers(0, 10))
    if kind == 10:
        return draw(st.sampled_from(USES_OF_PATHS)).format(draw(paths()), draw(programs(depth - 1)))
    if kind <= 1:
        return draw(st.one_of(SIMPLE, LITERALS))
    if kind <= 4:
        return draw(st.sampled_from(ONE_FILTER)).format(draw(programs(depth - 1)))
    if kind <= 7:
        left, right = draw(programs(depth - 1)), draw(programs(depth - 1))
        return f"({left}) {draw(st.sampled_from(BINARY))} ({right})"
    if kind == 8:
        return f"({draw(PATHS)}) {draw(st.sampled_from(ASSIGN))} ({draw(programs(depth - 1))})"
    condition, yes, no = (draw(programs(depth - 1)) for _ in range(3))
    return f"if ({condition}) then ({yes}) else ({no}) end"


def _differ_in_caught_path_errors(found: list[Any], expected: list[Any]) -> bool:
    """Whether all that differs is which of two errors of a path expression came first, and was caught."""
    if len(found) != len(expected):
        return False
    pairs = [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]]
    return bool(pairs) and all(oracle.NO_PATH in pair and all(isinstance(item, str) for item in pair) for pair in pairs)


@settings(
    max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=CASES < 1000
)
@given(program=programs(), value=VALUES)
def test_differential_answers_as_libjq(program: str, value: Any) -> None:
    """Any generated program gives the outputs and the error of libjq."""
    found, expected = oracle.answer_of_evenweave(program, value), oracle.answer_of_libjq(program, value)
    assume(oracle.UNDECIDED not in (found[1], expected[1]))
    # Which of two errors in a path expression comes first depends on how a builtin is written.
    assume(not (found[1] and expected[1] and oracle.NO_PATH in (found[1], expected[1])))
    assume(not _differ_in_caught_path_errors(found[0], expected[0]))
    # Whether a value that was made passes for the one at the empty path depends on what an implementation shares.
    assume(oracle.NO_PATH not in (found[1], expected[1]) or [] not in found[0] + expected[0])
    assert found == expected
