"""Documents of tests: what they may say, and every mistake in one at once.

The structure is checked here; what names something in a definition is checked against it (`check_names`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from evenweave.cli.files import TESTS
from evenweave.definitions.swf08.duration import parse_duration
from evenweave.plan.duration import Duration
from evenweave.source import closest, has_errors, ordered, pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenweave.source import Diagnostic, Document

STATUSES: Final = ("completed", "faulted", "waiting", "pending", "cancelled", "suspended")

_WORDS: Final = {"dict": "an object", "list": "a list", "str": "text"}
_TOP: Final = ("definition", "catalog", "stubs", "tests")
_TEST: Final = ("name", "given", "stubs", "expect")
_GIVEN: Final = ("input", "events")
_EVENT: Final = ("event", "data", "attributes", "after")
_STUBS: Final = ("events", "functions", "subflows")
_REPLY: Final = ("event", "data", "attributes", "after")
_OUTCOME: Final = ("result", "error", "title", "after")
_EXPECT: Final = (
    "status",
    "path",
    "output",
    "contains",
    "published",
    "error",
    "calls",
    "waitsFor",
    "continuesAs",
    "took",
)
_PUBLISHED: Final = ("event", "data", "contains", "attributes", "after")
_CALL: Final = ("function", "arguments")
_ERROR: Final = ("type", "title", "reference")
_CONTINUES: Final = ("workflowId", "version", "data")


class Given(Struct, frozen=True):
    """An event that comes from outside: its name, payload, attributes, and how long after the beginning."""

    event: str
    data: Any
    attributes: dict[str, Any]
    after: Duration


class Stub(Struct, frozen=True):
    """What the outside answers once: data or an error, by which event, how long after.

    Attributes:
        data: The payload of a reply, the result of a function, the output of a subflow.
        event: The name of the event that is the reply, where the test says so.
        attributes: Further attributes of that event.
        error: The code of an error.
        title: What the error says.
        after: How long it takes.
    """

    data: Any = None
    event: str | None = None
    attributes: dict[str, Any] = {}
    error: str = ""
    title: str = ""
    after: Duration = Duration(0, 0)


class Stubs(Struct, frozen=True):
    """What answers, by the names of triggers, functions and subflows; in turn, the last one from then on."""

    events: dict[str, list[Stub]] = {}
    functions: dict[str, list[Stub]] = {}
    subflows: dict[str, list[Stub]] = {}

    def under(self, own: Stubs) -> Stubs:
        """These, where a test has none of its own."""
        return Stubs(
            {**self.events, **own.events},
            {**self.functions, **own.functions},
            {**self.subflows, **own.subflows},
        )


class Test(Struct, frozen=True):
    """One test.

    Attributes:
        ref: Where it stands in its document.
        name: Its name.
        input: The input of the instance.
        events: What comes, in order.
        stubs: What answers.
        expect: What has to come of it, as written.
    """

    ref: str
    name: str
    input: dict[str, Any]
    events: list[Given]
    stubs: Stubs
    expect: dict[str, Any]


class Tests(Struct, frozen=True):
    """A document of tests: of which definition, with which AsyncAPI documents, and the tests."""

    definition: str
    catalog: list[str]
    tests: list[Test]


def is_test(name: str) -> bool:
    """Whether a file's name says that it holds tests."""
    return name.lower().endswith(TESTS)


def read(document: Document) -> tuple[Tests | None, list[Diagnostic]]:
    """Read a document of tests; none where a diagnostic is an error."""
    reader = _Reader(document)
    tests = reader.read()
    return (None if has_errors(reader.diagnostics) else tests), ordered(reader.diagnostics)


def check_names(
    document: Document, tests: Tests, known: Mapping[str, Iterable[str]], published: Iterable[str]
) -> list[Diagnostic]:
    """What a document of tests calls by names that its definition does not have.

    Args:
        document: The document.
        tests: What it says.
        known: The names that there are: of ``event`` (consumed), ``function``, ``subflow`` and ``state``.
        published: The names of what the definition publishes.
    """
    check = _Names(document, {**{kind: list(names) for kind, names in known.items()}, "trigger": list(published)})
    for test in tests.tests:
        check.test(test)
    for kind, part in (("trigger", "events"), ("function", "functions"), ("subflow", "subflows")):
        for name in document.at(f"/stubs/{part}", {}) or {}:
            check.look(kind, name, pointer.join("/stubs", part, name), key=True)
    return ordered(dict.fromkeys(check.diagnostics))


class _Names:
    def __init__(self, document: Document, known: Mapping[str, list[str]]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._document = document
        self._known = known

    def test(self, test: Test) -> None:
        for index, given in enumerate(test.events):
            self.look("event", given.event, f"{test.ref}/given/events/{index}/event")
        written = self._document.at(f"{test.ref}/stubs", {}) or {}
        for kind, part in (("trigger", "events"), ("function", "functions"), ("subflow", "subflows")):
            for name in written.get(part) or {}:
                self.look(kind, name, pointer.join(test.ref, "stubs", part, name), key=True)
        expect = test.expect
        for index, name in enumerate(expect.get("path", [])):
            self.look("state", name, f"{test.ref}/expect/path/{index}")
        for index, item in enumerate(expect.get("published", [])):
            at = f"{test.ref}/expect/published/{index}"
            if isinstance(item, str):
                self.look("trigger", item, at)
            else:
                self.look("trigger", item["event"], f"{at}/event")
        for index, item in enumerate(expect.get("calls", [])):
            at = f"{test.ref}/expect/calls/{index}"
            if isinstance(item, str):
                self.look("function", item, at)
            else:
                self.look("function", item["function"], f"{at}/function")
        for index, name in enumerate(expect.get("waitsFor", [])):
            self.look("event", name, f"{test.ref}/expect/waitsFor/{index}")

    def look(self, kind: str, name: str, ref: str, *, key: bool = False) -> None:
        known = self._known[kind]
        if name in known:
            return
        what = {
            "event": f'the definition waits for no event "{name}"',
            "trigger": f'the definition publishes no event "{name}"',
            "function": f'the definition calls no function "{name}"',
            "subflow": f'the definition runs no subflow "{name}"',
            "state": f'the definition has no state "{name}"',
        }[kind]
        near = closest(name, known)
        hint = f'did you mean "{near}"?' if near else f"there is {', '.join(known)}" if known else "there is none"
        part = "key" if key else "value"
        self.diagnostics.append(self._document.diagnostic("TE105", ref, what, hint=hint, part=part))  # type: ignore[arg-type]


class _Reader:
    """Reads one document; what does not fit becomes a diagnostic, and a value that does no harm."""

    def __init__(self, document: Document) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._document = document

    def read(self) -> Tests:
        top = self._object(self._document.value, "", _TOP)
        definition = self._text(top, "", "definition") if "definition" in top else ""
        catalog = [
            self._is(item, f"/catalog/{index}", str) for index, item in enumerate(self._list(top, "", "catalog"))
        ]
        shared = self._stubs(top, "")
        tests = []
        if "tests" not in top:
            self._say("TE102", "", "a document of tests has `tests`", "tests: [{name: ..., expect: {...}}]")
        seen: dict[str, str] = {}
        for index, item in enumerate(self._list(top, "", "tests")):
            test = self._test(item, f"/tests/{index}", shared)
            if test.name in seen:
                self._say("TE103", f"/tests/{index}/name", f'another test is called "{test.name}"', "names are unique")
            seen[test.name] = test.ref
            tests.append(test)
        return Tests(definition, catalog, tests)

    def _test(self, value: Any, ref: str, shared: Stubs) -> Test:
        own = self._object(value, ref, _TEST)
        name = self._text(own, ref, "name")
        given = self._object(own.get("given", {}), f"{ref}/given", _GIVEN)
        data = self._is(given.get("input", {}), f"{ref}/given/input", dict)
        events = [
            self._given(item, f"{ref}/given/events/{index}")
            for index, item in enumerate(self._list(given, f"{ref}/given", "events"))
        ]
        if not own.get("expect"):
            self._say("TE102", ref, f'the test "{name}" expects nothing', f"expect: one of {', '.join(_EXPECT)}")
        expect = self._object(own.get("expect", {}), f"{ref}/expect", _EXPECT)
        self._expect(expect, f"{ref}/expect")
        return Test(ref, name, data, events, shared.under(self._stubs(own, ref)), expect)

    def _given(self, value: Any, ref: str) -> Given:
        own = self._object(value, ref, _EVENT)
        attributes = self._is(own.get("attributes", {}), f"{ref}/attributes", dict)
        return Given(self._text(own, ref, "event"), own.get("data"), attributes, self._after(own, ref))

    def _stubs(self, around: Mapping[str, Any], ref: str) -> Stubs:
        own = self._object(around.get("stubs", {}), f"{ref}/stubs", _STUBS)
        return Stubs(*(self._answers(own, f"{ref}/stubs", part) for part in _STUBS))

    def _answers(self, around: Mapping[str, Any], ref: str, part: str) -> dict[str, list[Stub]]:
        found: dict[str, list[Stub]] = {}
        for name, value in self._is(around.get(part, {}), f"{ref}/{part}", dict).items():
            at = pointer.join(ref, part, name)
            if isinstance(value, list):
                if not value:
                    self._say("TE102", at, "an empty list answers nothing", "leave it out")
                found[name] = [self._answer(item, f"{at}/{index}", part) for index, item in enumerate(value)]
            else:
                found[name] = [self._answer(value, at, part)]
        return found

    def _answer(self, value: Any, ref: str, part: str) -> Stub:
        own = self._object(value, ref, _REPLY if part == "events" else _OUTCOME)
        after = self._after(own, ref)
        if part == "events":
            attributes = self._is(own.get("attributes", {}), f"{ref}/attributes", dict)
            event = self._text(own, ref, "event") if "event" in own else None
            return Stub(own.get("data"), event, attributes, after=after)
        if "result" in own and "error" in own:
            self._say("TE106", f"{ref}/error", "a function returns a result or ends with an error", "leave one out")
        error = own.get("error", "")
        if isinstance(error, int) and not isinstance(error, bool):
            error = str(error)  # an HTTP status is mostly written as a number
        title = self._is(own.get("title", ""), f"{ref}/title", str)
        return Stub(own.get("result"), error=self._is(error, f"{ref}/error", str), title=title, after=after)

    def _expect(self, own: Mapping[str, Any], ref: str) -> None:
        status = own.get("status")
        if status is not None and status not in STATUSES:
            near = closest(str(status), STATUSES)
            hint = f'did you mean "{near}"?' if near else f"one of {', '.join(STATUSES)}"
            self._say("TE106", f"{ref}/status", f"{status!r} is no status", hint)
        for part in ("path", "waitsFor"):
            for index, item in enumerate(self._list(own, ref, part)):
                self._is(item, f"{ref}/{part}/{index}", str)
        for index, item in enumerate(self._list(own, ref, "published")):
            if not isinstance(item, str):
                at = f"{ref}/published/{index}"
                published = self._object(item, at, _PUBLISHED)
                self._text(published, at, "event")
                self._is(published.get("attributes", {}), f"{at}/attributes", dict)
                self._after(published, at)
        for index, item in enumerate(self._list(own, ref, "calls")):
            if not isinstance(item, str):
                self._text(self._object(item, f"{ref}/calls/{index}", _CALL), f"{ref}/calls/{index}", "function")
        for part, names in (("error", _ERROR), ("continuesAs", _CONTINUES)):
            if part in own:
                inside = self._object(own[part], f"{ref}/{part}", names)
                for name in names:
                    if name in inside and name != "data":
                        self._is(inside[name], f"{ref}/{part}/{name}", str)
        self._after(own, ref, "took")

    def _object(self, value: Any, ref: str, names: tuple[str, ...]) -> dict[str, Any]:
        own: dict[str, Any] = self._is(value, ref, dict)
        for name in own:
            if name not in names:
                near = closest(name, names)
                hint = f'did you mean "{near}"?' if near else f"there is {', '.join(names)}"
                self._say("TE104", pointer.join(ref, name), f'there is no "{name}" here', hint, key=True)
        return own

    def _list(self, around: Mapping[str, Any], ref: str, name: str) -> list[Any]:
        found: list[Any] = self._is(around.get(name, []), f"{ref}/{name}", list)
        return found

    def _text(self, around: Mapping[str, Any], ref: str, name: str) -> str:
        if name not in around:
            self._say("TE102", ref, f'"{name}" is missing', f"{name}: ...")
            return ""
        text: str = self._is(around[name], f"{ref}/{name}", str)
        return text

    def _after(self, around: Mapping[str, Any], ref: str, name: str = "after") -> Duration:
        if name not in around:
            return Duration(0, 0)
        text = self._is(around[name], f"{ref}/{name}", str)
        duration = parse_duration(text, ref)
        if duration is None:
            if isinstance(around[name], str):
                self._say("TE107", f"{ref}/{name}", f'"{text}" is no duration', "ISO 8601, such as PT5M or P1D")
            return Duration(0, 0)
        return Duration(duration.months, duration.milliseconds)

    def _is(self, value: Any, ref: str, kind: type[Any]) -> Any:
        if isinstance(value, kind):
            return value
        hint = "quote it" if kind is str and not isinstance(value, dict | list) else ""
        self._say("TE101", ref, f"this has to be {_WORDS[kind.__name__]}", hint)
        return kind()

    def _say(self, code: str, ref: str, message: str, hint: str = "", *, key: bool = False) -> None:
        part = "key" if key else "value"
        self.diagnostics.append(self._document.diagnostic(code, ref, message, hint=hint, part=part))  # type: ignore[arg-type]
