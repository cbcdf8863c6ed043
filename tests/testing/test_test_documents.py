"""Documents of tests: what is wrong in one is pointed at, and what differs is told at its place."""

import re
from pathlib import Path

import pytest

from evenweave import source
from evenweave.testing.suite import Ran, run_file

DEFINITION = """
id: flow
version: '1.0'
specVersion: '0.8'
name: Flow
states:
  - name: ask
    type: operation
    actions: [{eventRef: {triggerEventRef: Ask, resultEventRef: Answered}}]
    transition: rest
  - {name: rest, type: sleep, duration: PT1H, transition: last}
  - {name: last, type: inject, data: {list: [1, 2]}, end: {produceEvents: [{eventRef: Told}]}}
events:
  - {name: Ask, type: ask, kind: produced}
  - {name: Answered, type: answered, source: /people}
  - {name: Told, type: told, kind: produced}
"""
STUBS = "stubs: {events: {Ask: {data: {answer: {n: 1}}}}}\n"
ROOT = Path(__file__).parents[2]


def run(folder: Path, text: str, name: str = "flow.test.yaml") -> Ran:
    """Run the text of a document of tests."""
    (folder / "flow.yaml").write_text(DEFINITION)
    (folder / name).write_text(text)
    return run_file(str(folder / name))


def said(ran: Ran) -> list[str]:
    """Line, code, message and hint of each diagnostic."""
    return [f"{item.span.start_line} {item.code} {item.message} ({item.hint})" for item in ran.diagnostics]


def test_a_test_passes(tmp_path: Path) -> None:
    """All that may be expected, as it is."""
    ran = run(
        tmp_path,
        STUBS
        + """
tests:
  - name: all of it
    given: {input: {a: 1}}
    expect:
      status: completed
      path: [ask, rest, last]
      output: {a: 1, answer: {n: 1.0}, list: [1, 2]}
      contains: {answer: {n: 1}}
      published:
        - Ask
        - event: Told
          data: {a: 1, answer: {n: 1}, list: [1, 2]}
          contains: {a: 1}
          attributes: {type: told}
          after: PT1H
      waitsFor: []
      took: PT1H
""",
    )
    assert (ran.valid, ran.diagnostics, ran.trouble) == (True, [], "")
    assert [(each.name, each.line, each.failures) for each in ran.verdicts] == [("all of it", 4, [])]


@pytest.mark.parametrize(
    ("expect", "code", "place", "message"),
    [
        ("{path: [ask, last]}", "TE201", "/path/1", 'it went to "rest" here'),
        ("{path: [ask]}", "TE201", "/path/0", 'it went on to "rest"'),
        ("{path: [ask, rest, last, last]}", "TE201", "/path/3", "it never came here"),
        ("{published: [Told]}", "TE202", "/published/0", "Ask was published here: {}"),
        ("{published: [Ask]}", "TE202", "/published/0", "it went on to publish Told:"),
        ("{published: [Ask, Told, Told]}", "TE202", "/published/2", "this was not published"),
        (
            "{published: [Ask, {event: Told, contains: {answer: {n: 2}}}]}",
            "TE202",
            "/published/1/contains/answer/n",
            "the data of Told at /answer/n is 1",
        ),
        ("{published: [{event: Ask, after: PT1S}, Told]}", "TE202", "/published/0/after", "after 0 s"),
        ("{status: faulted}", "TE203", "/status", "the status is completed"),
        ("{error: {type: timeout}}", "TE204", "/error", "the error is null"),
        ("{waitsFor: [Answered]}", "TE205", "/waitsFor", "it waits for nothing"),
        ("{output: {answer: {n: 1}, list: [1, 3]}}", "TE206", "/output/list/1", "the output at /list/1 is 2"),
        ("{output: {answer: {n: 1}, list: [1]}}", "TE206", "/output/list", "has 2 items, not 1"),
        ("{output: {answer: {n: 1}, list: [1, 2, 3]}}", "TE206", "/output/list/2", "at /list/2 is missing"),
        ("{output: {answer: {n: 1}}}", "TE206", "/output", 'has "list" as well: [1,2]'),
        ("{output: {answer: {n: true}, list: [1, 2]}}", "TE206", "/output/answer/n", "is 1"),
        ("{contains: {answer: {m: 1}}}", "TE207", "/contains/answer/m", "at /answer/m is missing"),
        ("{continuesAs: {workflowId: other}}", "TE208", "/continuesAs", "does not continue"),
        ("{took: PT1M}", "TE209", "/took", "it took 3600 s"),
    ],
)
def test_the_first_difference_is_told_at_its_place(
    tmp_path: Path, expect: str, code: str, place: str, message: str
) -> None:
    """What is not as expected has the place of the expectation, and says what came instead."""
    ran = run(tmp_path, f"{STUBS}tests:\n  - name: one\n    expect: {expect}\n")
    assert ran.valid, said(ran)
    (verdict,) = ran.verdicts
    failure = verdict.failures[0]
    assert failure.code == code
    assert message in failure.message
    document = source.load("flow.test.yaml", ran.text).document
    assert document is not None
    assert failure.span == document.span(f"/tests/0/expect{place}")
    assert verdict.history


def test_differences_come_in_the_order_in_which_things_happen(tmp_path: Path) -> None:
    """The path comes before what was published, the output last: the first difference mostly explains the rest."""
    ran = run(
        tmp_path, "tests:\n  - {name: one, expect: {output: {}, status: completed, published: [Ask, Told], path: []}}\n"
    )
    assert [failure.code for failure in ran.verdicts[0].failures] == ["TE201", "TE202", "TE203"]
    assert ran.verdicts[0].failures[2].message == "the status is waiting, waits for Answered"


def test_a_test_that_never_ends_fails(tmp_path: Path) -> None:
    """A rehearsal that goes on and on is a failure of its own."""
    (tmp_path / "endless.yaml").write_text(
        "id: e\nversion: '1'\nspecVersion: '0.8'\nname: e\n"
        "states: [{name: s, type: sleep, duration: PT1S, transition: s}]\n"
    )
    ran = run(tmp_path, "tests: [{name: one, expect: {status: completed}}]\n", "endless.test.yaml")
    assert [failure.code for failure in ran.verdicts[0].failures] == ["TE210"]


def test_calls_of_functions_are_compared(tmp_path: Path) -> None:
    """Functions are stubbed by name, and their calls and arguments compared in order."""
    (tmp_path / "calls.yaml").write_text(
        "id: c\nversion: '1'\nspecVersion: '0.8'\nname: c\nfunctions: [{name: f, type: custom, operation: f}]\n"
        "states: [{name: s, type: operation, actions: [{functionRef: {refName: f, arguments: {n: 1}}}], end: true}]\n"
    )
    head = "stubs: {functions: {f: {result: {m: 2}}}}\ntests:\n  - {name: one, expect: "
    good = "{output: {m: 2}, calls: [{function: f, arguments: {n: 1}}]}}"
    assert run(tmp_path, head + good, "calls.test.yaml").verdicts[0].failures == []
    for calls, message in (
        ("[]", "it went on to call f"),
        ("[f, f]", "this was not called"),
        ("[{function: f, arguments: {n: 2}}]", "the arguments of f at /n is 1"),
    ):
        ran = run(tmp_path, f"{head}{{calls: {calls}}}}}", "calls.test.yaml")
        assert [(each.code, each.message) for each in ran.verdicts[0].failures] == [("TE211", message)]
    assert said(run(tmp_path, f"{head}{{calls: [g]}}}}", "calls.test.yaml"))[0].startswith("3 TE105")


def test_a_tests_own_stubs_win(tmp_path: Path) -> None:
    """Stubs of the document answer in all tests, but for those that a test has itself."""
    ran = run(
        tmp_path,
        STUBS
        + """
tests:
  - {name: shared, expect: {contains: {answer: {n: 1}}}}
  - name: own
    stubs: {events: {Ask: [{data: {answer: {n: 2}}, after: PT1M}]}}
    expect: {contains: {answer: {n: 2}}, took: PT1H1M}
""",
    )
    assert [each.failures for each in ran.verdicts] == [[], []]


BAD: list[tuple[str, list[str]]] = [
    ("tests: 1", ["1 TE101 this has to be a list ()"]),
    ("[]", ["1 TE101 this has to be an object ()", "1 TE102 a document of tests has `tests`"]),
    ("tests: [{name: 7, expect: {path: []}}]", ["1 TE101 this has to be text (quote it)"]),
    ("tests: [{expect: {path: []}}]", ['1 TE102 "name" is missing (name: ...)']),
    ("tests: [{name: a}]", ['1 TE102 the test "a" expects nothing']),
    (
        "tests: [{name: a, expect: {path: []}}, {name: a, expect: {path: []}}]",
        ['1 TE103 another test is called "a" (names are unique)'],
    ),
    ("tests: [{name: a, expect: {statsu: x}}]", ['1 TE104 there is no "statsu" here (did you mean "status"?)']),
    (
        "tests: [{name: a, expect: {status: complete}}]",
        ["1 TE106 'complete' is no status (did you mean \"completed\"?)"],
    ),
    ("tests: [{name: a, expect: {took: 1h}}]", ['1 TE107 "1h" is no duration (ISO 8601, such as PT5M or P1D)']),
    ("tests: [{name: a, expect: {error: {type: 1}}}]", ["1 TE101 this has to be text (quote it)"]),
    ("tests: [{name: a, given: {events: [{data: 1}]}, expect: {path: []}}]", ['1 TE102 "event" is missing']),
    ("stubs: {events: {Ask: []}}\ntests: []", ["1 TE102 an empty list answers nothing (leave it out)"]),
    ("stubs: {subflows: {x: {result: 1, error: e}}}\ntests: []", ["1 TE106 a function returns a result or ends"]),
    ("definition: none.yaml\ntests: []", ["1 TE108 there is no definition"]),
    ("tests: [{name: a, expect: {path: [lst]}}]", ['1 TE105 the definition has no state "lst" (did you mean "last"?)']),
    (
        "stubs: {events: {Answered: {}}, functions: {f: {}}, subflows: {g: {}}}\ntests: []",
        [
            '1 TE105 the definition publishes no event "Answered" (there is Ask, Told)',
            '1 TE105 the definition calls no function "f" (there is none)',
            '1 TE105 the definition runs no subflow "g" (there is none)',
        ],
    ),
    (
        "tests: [{name: a, given: {events: [{event: Ask}]}, expect: {published: [Askk], waitsFor: [Tolt]}}]",
        [
            '1 TE105 the definition waits for no event "Ask" (there is Answered)',
            '1 TE105 the definition publishes no event "Askk" (did you mean "Ask"?)',
            '1 TE105 the definition waits for no event "Tolt"',
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_mistakes_are_pointed_out(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Each mistake has its code and its hint; all come at once, and nothing runs."""
    ran = run(tmp_path, text)
    found = said(ran)
    assert len(found) == len(expected), found
    assert [one for one, start in zip(found, expected, strict=True) if not one.startswith(start)] == []
    assert (ran.valid, ran.verdicts) == (False, [])


def test_what_cannot_be_read_is_pointed_out(tmp_path: Path) -> None:
    """A document that is no YAML has its diagnostics, a definition with mistakes its own."""
    assert run(tmp_path, "tests: [").diagnostics[0].code == "FI101"
    (tmp_path / "bad.yaml").write_text(DEFINITION.replace("transition: rest", "transition: rst"))
    ran = run(tmp_path, "definition: bad.yaml\ntests: []")
    assert "error[SW104]" in ran.trouble
    assert not ran.valid


def test_every_code_is_explained() -> None:
    """Each code has its row in docs/diagnostics.md, and each row its code."""
    page = (ROOT / "docs" / "diagnostics.md").read_text("utf-8")
    rows = set(re.findall(r"^\| (TE\d{3}) \|", page, re.MULTILINE))
    sources = "".join(path.read_text() for path in (ROOT / "src/evenweave/testing").glob("*.py"))
    assert rows == set(re.findall(r'"(TE\d{3})"', sources))


def test_json_is_read_too(tmp_path: Path) -> None:
    """A document of tests may be JSON."""
    ran = run(tmp_path, '{"tests": [{"name": "a", "expect": {"waitsFor": ["Answered"]}}]}', "flow.test.json")
    assert [each.failures for each in ran.verdicts] == [[]], said(ran)
