"""Whether a rehearsal came to what a test expects, and if not, where it first differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from evenweave.definitions.swf08.duration import parse_duration
from evenweave.engine.merge import same
from evenweave.plan.duration import Duration
from evenweave.source import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.testing.rehearsal import Published, Rehearsal

_SHOWN = 120


class Difference(Struct, frozen=True):
    """A difference.

    Attributes:
        code: Which expectation was not met: one of ``TE201`` to ``TE211``.
        pointer: Where in ``expect`` that stands.
        message: What came instead.
    """

    code: str
    pointer: str
    message: str


def differences(expect: dict[str, Any], run: Rehearsal) -> Iterator[Difference]:
    """What came of it and was not expected, in the order in which it happened: the first one mostly explains the rest.

    Args:
        expect: What is expected, as written.
        run: What came.
    """
    if "path" in expect:
        yield from _path(expect["path"], run.path)
    if "published" in expect:
        yield from _published(expect["published"], run)
    if "calls" in expect:
        yield from _calls(expect["calls"], run)
    error = run.error
    if "status" in expect and run.status != expect["status"]:
        why = "" if error is None else f": {error.type}: {error.title} ({error.reference or '/'})"
        waiting = run.status in {"waiting", "pending"} and run.waits_for
        waits = f", waits for {', '.join(run.waits_for)}" if waiting else ""
        yield Difference("TE203", "/status", f"the status is {run.status}{waits}{why}")
    if "error" in expect:
        actual = None if error is None else {"type": error.type, "title": error.title, "reference": error.reference}
        yield from _compare("TE204", "/error", "the error", expect["error"], actual, exact=False)
    if "waitsFor" in expect and sorted(expect["waitsFor"]) != run.waits_for:
        yield Difference("TE205", "/waitsFor", f"it waits for {', '.join(run.waits_for) or 'nothing'}")
    if "output" in expect:
        yield from _compare("TE206", "/output", "the output", expect["output"], run.output, exact=True)
    if "contains" in expect:
        yield from _compare("TE207", "/contains", "the output", expect["contains"], run.output, exact=False)
    if "continuesAs" in expect:
        yield from _continues(expect["continuesAs"], run.continued)
    if "took" in expect:
        written = parse_duration(expect["took"], "")
        assert written is not None
        due = Duration(written.months, written.milliseconds).after(run.began)
        if abs(due - run.began - run.took_s) > 0.0005:
            yield Difference("TE209", "/took", f"it took {run.took_s:g} s")


def _path(expected: list[str], actual: list[str]) -> Iterator[Difference]:
    for index, (wanted, got) in enumerate(zip(expected, actual, strict=False)):
        if wanted != got:
            yield Difference("TE201", f"/path/{index}", f'it went to "{got}" here')
            return
    if len(actual) > len(expected):
        at = f"/path/{len(expected) - 1}" if expected else "/path"
        yield Difference("TE201", at, f'it went on to "{actual[len(expected)]}"')
    elif len(expected) > len(actual):
        yield Difference("TE201", f"/path/{len(actual)}", "it never came here")


def _published(expected: list[Any], run: Rehearsal) -> Iterator[Difference]:
    for index, (item, event) in enumerate(zip(expected, run.published, strict=False)):
        found = next(_event(item, event, f"/published/{index}"), None)
        if found is not None:
            yield found
            return
    if len(run.published) > len(expected):
        at = f"/published/{len(expected) - 1}" if expected else "/published"
        more = run.published[len(expected)]
        yield Difference("TE202", at, f"it went on to publish {more.name}: {_show(more.data)}")
    elif len(expected) > len(run.published):
        yield Difference("TE202", f"/published/{len(run.published)}", "this was not published")


def _event(item: Any, event: Published, at: str) -> Iterator[Difference]:
    wanted: dict[str, Any] = {"event": item} if isinstance(item, str) else item
    where = at if isinstance(item, str) else f"{at}/event"
    if wanted["event"] != event.name:
        yield Difference("TE202", where, f"{event.name} was published here: {_show(event.data)}")
        return
    if "data" in wanted:
        yield from _compare("TE202", f"{at}/data", f"the data of {event.name}", wanted["data"], event.data, exact=True)
    if "contains" in wanted:
        at_data = f"{at}/contains"
        yield from _compare("TE202", at_data, f"the data of {event.name}", wanted["contains"], event.data, exact=False)
    if "attributes" in wanted:
        attributes = {name.lower(): value for name, value in wanted["attributes"].items()}
        yield from _compare("TE202", f"{at}/attributes", f"{event.name}", attributes, event.event, exact=False)
    if "after" in wanted:
        written = parse_duration(wanted["after"], "")
        assert written is not None
        if abs(written.milliseconds / 1000 - event.at_s) > 0.0005:
            yield Difference("TE202", f"{at}/after", f"{event.name} was published after {event.at_s:g} s")


def _calls(expected: list[Any], run: Rehearsal) -> Iterator[Difference]:
    for index, (item, call) in enumerate(zip(expected, run.calls, strict=False)):
        at = f"/calls/{index}"
        wanted: dict[str, Any] = {"function": item} if isinstance(item, str) else item
        if wanted["function"] != call.function:
            yield Difference("TE211", at, f"{call.function} was called here: {_show(call.arguments)}")
            return
        if "arguments" in wanted:
            what = f"the arguments of {call.function}"
            found = next(
                _compare("TE211", f"{at}/arguments", what, wanted["arguments"], call.arguments, exact=True), None
            )
            if found is not None:
                yield found
                return
    if len(run.calls) > len(expected):
        at = f"/calls/{len(expected) - 1}" if expected else "/calls"
        yield Difference("TE211", at, f"it went on to call {run.calls[len(expected)].function}")
    elif len(expected) > len(run.calls):
        yield Difference("TE211", f"/calls/{len(run.calls)}", "this was not called")


def _continues(expected: dict[str, Any], actual: tuple[str, str, Any] | None) -> Iterator[Difference]:
    if actual is None:
        yield Difference("TE208", "/continuesAs", "it does not continue as anything")
        return
    found = {"workflowId": actual[0], "version": actual[1], "data": actual[2]}
    for name, wanted in expected.items():
        yield from _compare("TE208", f"/continuesAs/{name}", f"its {name}", wanted, found[name], exact=True)


def _compare(code: str, at: str, what: str, expected: Any, actual: Any, *, exact: bool) -> Iterator[Difference]:
    """The first place where a value is not the expected one; not exact, objects may have more members."""
    found = _differ(expected, actual, exact)
    if found is not None:
        tokens, message = found
        place = pointer.join("", *tokens)
        yield Difference(code, at + place, f"{what}{f' at {place}' if place else ''} {message}")


def _differ(expected: Any, actual: Any, exact: bool) -> tuple[list[str | int], str] | None:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, wanted in expected.items():
            if name not in actual:
                return [name], "is missing"
            found = _differ(wanted, actual[name], exact)
            if found is not None:
                return [name, *found[0]], found[1]
        more = [name for name in actual if name not in expected] if exact else []
        return ([], f'has "{more[0]}" as well: {_show(actual[more[0]])}') if more else None
    if isinstance(expected, list) and isinstance(actual, list):
        for index, (wanted, got) in enumerate(zip(expected, actual, strict=False)):
            found = _differ(wanted, got, exact)
            if found is not None:
                return [index, *found[0]], found[1]
        if len(expected) > len(actual):
            return [len(actual)], "is missing"
        return ([], f"has {len(actual)} items, not {len(expected)}") if len(actual) > len(expected) else None
    return None if same(expected, actual) else ([], f"is {_show(actual)}")


def _show(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
