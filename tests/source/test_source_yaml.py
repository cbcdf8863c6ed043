"""YAML is read by the core schema of YAML 1.2, and what is off is told at its place."""

import itertools
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenweave.source import load, yaml

PLAIN = {
    "no": "no",
    "on": "on",
    "y": "y",
    "1:30": "1:30",
    "2024-01-01": "2024-01-01",
    "0o17": 15,
    "017": 17,
    "0x1F": 31,
    "-12": -12,
    "+3": 3,
    "1_000": "1_000",
    "1.5e3": 1500.0,
    ".5": 0.5,
    "1.": 1.0,
    "0b11": "0b11",
    "~": None,
    "null": None,
    "": None,
    "True": True,
    "false": False,
    "tRue": "tRue",
    "=": "=",
    '"no"': "no",
    "'12'": "12",
    "!!str 12": "12",
    "! 12": "12",
    "!!float 3": 3.0,
    "!!int '7'": 7,
    "99999999999999999999": 1e20,
    ".inf.": ".inf.",
    "-": None,
}

# A pair of escapes for one character is JSON's alone.
characters = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(characters, max_size=8), inner, max_size=4),
    max_leaves=20,
)


def diagnose(text: str | bytes, name: str = "a.yaml") -> list[tuple[str, int, int, str]]:
    """Return code, line, column and severity of each diagnostic."""
    found = load(name, text).diagnostics
    return [(each.code, each.span.start_line, each.span.start_column, each.severity) for each in found]


@pytest.mark.parametrize(("written", "value"), [case for case in PLAIN.items() if case[0] != "-"])
def test_yaml_scalar_follows_the_core_schema(written: str, value: object) -> None:
    """A scalar is what YAML 1.2's core schema makes of it, and no date, octal or sexagesimal of YAML 1.1."""
    document = load("a.yaml", f"a: {written}\n").document
    assert document is not None
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


@given(json_values)
@settings(deadline=None, max_examples=150)
def test_yaml_reads_json_as_json_does(value: object) -> None:
    """What JSON writes, YAML's flow style reads to the same value."""
    reading = yaml.read(json.dumps(value))
    assert not reading.problems
    assert reading.value == value


def test_yaml_merge_keys_yield_to_the_mapping_itself() -> None:
    """A merge key adds what the mapping does not have, and of a list the first wins."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n"
    document = load("a.yaml", text).document
    assert document is not None
    assert document.value["c"] == {"x": 3, "y": 1, "z": 2}
    assert document.span("/c/z").start_line == 2


def test_yaml_quoted_merge_key_is_a_key() -> None:
    """Quotes make a merge key an ordinary one."""
    document = load("a.yaml", "'<<': {a: 1}\n").document
    assert document is not None
    assert document.value == {"<<": {"a": 1}}


@pytest.mark.parametrize("text", ["<<: 1\n", "a: &a [1]\nb:\n  <<: *a\n"])
def test_yaml_merge_of_no_mapping_is_refused(text: str) -> None:
    """Only mappings can be merged."""
    assert [found[0] for found in diagnose(text)] == ["FI112"]


def test_yaml_key_given_twice_points_at_the_second() -> None:
    """A key that is there before is an error at its second place and names the line of the first."""
    loaded = load("a.yaml", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert loaded.document is None
    (found,) = loaded.diagnostics
    assert (found.code, found.span.start_line, found.span.start_column) == ("FI107", 5, 3)
    assert "line 3" in found.hint


def test_yaml_tells_every_problem_at_once() -> None:
    """Duplicate keys, unfit numbers, tags and keys that are no text are told together."""
    text = "a: 1\na: 2\n200: x\n? [a]\n: b\n~: c\nd: .inf\ne: !!binary aaa\nf: !!int 'z'\ng: !mine x\n"
    assert diagnose(text) == [
        ("FI107", 2, 1, "error"),
        ("FI108", 3, 1, "warning"),
        ("FI109", 4, 3, "error"),
        ("FI109", 6, 1, "error"),
        ("FI110", 7, 4, "error"),
        ("FI111", 8, 13, "error"),
        ("FI111", 9, 10, "error"),
        ("FI111", 10, 10, "error"),
    ]


def test_yaml_number_as_key_is_read_as_text() -> None:
    """A key that is a number becomes text, with a warning."""
    loaded = load("a.yaml", "200: ok\ntrue: x\n")
    assert loaded.document is not None
    assert loaded.document.value == {"200": "ok", "true": "x"}
    assert [each.severity for each in loaded.diagnostics] == ["warning", "warning"]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a:\n\t- b\n", "FI102", 2, 1),
        ("a: x\n\tb: y\n", "FI102", 2, 1),
        ("a: b: c\n", "FI101", 1, 5),
        ("a: @b\n", "FI101", 1, 4),
        ('a: "b\n\nc: d\n', "FI101", 1, 4),
        ("a: [1, 2\nb: c\n", "FI101", 2, 2),
        ("a: 1\n b: 2\n", "FI101", 2, 3),
        ("---\na: 1\n---\nb: 1\n", "FI104", 3, 1),
        ("# nothing\n", "FI104", 1, 1),
        ("", "FI104", 1, 1),
        ("a: \x07\n", "FI103", 1, 4),
        ("a: &x 1\nb: *y\n", "FI106", 2, 4),
        ("&a [*a]\n", "FI106", 1, 5),
        ("a: !x!y z\n", "FI101", 1, 4),
    ],
)
def test_yaml_mistake_is_told_at_its_place(text: str, code: str, line: int, column: int) -> None:
    """What cannot be read is one error, where it is, and gives no document."""
    loaded = load("a.yaml", text)
    assert loaded.document is None
    (found,) = loaded.diagnostics
    assert (found.code, found.span.start_line, found.span.start_column) == (code, line, column)


def test_yaml_alias_bomb_is_refused_at_once() -> None:
    """Aliases that repeat more than the bound are refused before the value exists."""
    names = "abcdefgh"
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in itertools.pairwise(names)]
    started = time.process_time()
    assert [found[0] for found in diagnose("\n".join(lines))] == ["FI105"]
    assert time.process_time() - started < 1


def test_yaml_alias_bomb_of_few_long_texts_is_refused() -> None:
    """A long text counts by its length where aliases repeat it."""
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 10)}]\n"
    assert [found[0] for found in diagnose(text)] == ["FI105"]


def test_yaml_alias_deepens_what_it_repeats() -> None:
    """Levels count with aliases expanded, so that no value is deeper than the bound."""
    deep = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 30 + "*a" + "]" * 30 + "\n"
    assert [found[0] for found in diagnose(deep)] == ["FI105"]


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 100_000, "{a: " * 100_000, "? " * 100_000])
def test_yaml_depth_is_bounded(text: str) -> None:
    """A text nested without end is refused at the bound, quickly and without recursion."""
    started = time.process_time()
    assert [found[0] for found in diagnose(text)] == ["FI105"]
    assert time.process_time() - started < 2


def test_yaml_depth_up_to_the_bound_is_read() -> None:
    """Sixty-four levels are fine, one more is not."""
    assert load("a.yaml", "a: " + "[" * 63 + "]" * 63).document is not None
    assert load("a.yaml", "a: " + "[" * 64 + "]" * 64).document is None


def test_yaml_problems_are_bounded() -> None:
    """A document of nothing but mistakes ends after a hundred of them."""
    assert len(diagnose("a: 1\n" * 5_000)) == 100


@given(st.text(alphabet=st.sampled_from(list("ab:-{}[]&*!|>'\"#%@,? \n\t\\01~<")), max_size=60) | st.text(max_size=40))
@settings(deadline=None, max_examples=400)
def test_yaml_reader_survives_any_text(text: str) -> None:
    """Whatever the text, there is a document or an error, and every place is in the text."""
    for name in ("a.yaml", "a.json"):
        loaded = load(name, text)
        assert (loaded.document is None) == any(each.severity == "error" for each in loaded.diagnostics)
        lines = loaded.text.count("\n") + loaded.text.count("\r") + 1
        for each in loaded.diagnostics:
            assert 1 <= each.span.start_line <= each.span.end_line <= lines
