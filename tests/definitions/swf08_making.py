"""Makes valid definitions at random, of every state and most properties, to be run and to be broken."""

import random
from typing import Any

EXPRESSIONS = (
    *(".", ".a", ".items", ".items[0]", ".items[]", ".missing.deep", "$CONST.c", "$WORKFLOW.id", ".a + 1", "null", "1"),
    *('"text"', "true", "false", "[.a, .b]", "{a: .a, new: .b}", "empty", ".a | tonumber", "error", 'error("no")'),
    *("range(3)", ".items | length", '.["a"]', "[limit(3; repeat(.a))]", ".items | map(. * 2)", "tojson", "now > 0"),
    *("last(range(100000))", ".a.b.c", ".items as [$x] | $x", "to_entries", "keys", "if .a then .b else .c end"),
    *(".a == 1", ".a != .b", ".items | any", "not", "has(\"a\")", "infinite", "nan", "[nan] | sort", ".."),
)  # fmt: skip
PATHS = (".a", ".items", ".new.deep", ".items[1]", '.["odd key"]', ".a.b", ".", ".items[5]", ".items[-1]", ".a[0]")
CONDITIONS = (".a == 1", "true", "false", ".missing", ".a", "null", ".items | length > 2", "error", "1")
INPUTS: tuple[Any, ...] = (
    {},
    {"a": 1, "b": [1, 2], "items": [1, 2, 3]},
    {"a": "text", "items": [{"a": 1}, None, "x"]},
    {"a": None, "items": []},
    {"a": {"b": {"c": 1}}, "items": {"no": "list"}},
    {"a": -0.0, "b": 1e308, "items": list(range(50))},
)
RESULTS: tuple[Any, ...] = (None, 1, "text", [], [1, 2], {}, {"a": {"b": 2}}, {"items": [4]}, True, 0.5)


class Maker:
    """Makes one definition."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._names = [f"S{number}" for number in range(chance.randint(1, 5))]

    def make(self) -> dict[str, Any]:
        """A definition that passes the check, but for what its expressions do."""
        chance = self._chance
        states = [self._state(name, first=name == "S0") for name in self._names]
        return {
            "id": "made",
            "version": "1",
            "specVersion": "0.8",
            "start": "S0",
            "constants": {"c": chance.choice([1, "text", None, [1], {"d": 2}])},
            "functions": [
                {"name": "compute", "type": "expression", "operation": self._any()},
                {"name": "call", "type": "custom", "operation": "call"},
            ],
            "errors": [{"name": "broken", "code": "broken"}],
            "events": [
                {"name": "came", "type": "came", "source": chance.choice(["", "/there"])},
                {
                    "name": "keyed",
                    "type": "keyed",
                    "source": "",
                    "dataOnly": chance.random() < 0.7,
                    "correlation": [{"contextAttributeName": "key"}],
                },
                {"name": "told", "type": "told", "kind": "produced"},
            ],
            "retries": [
                {"name": "again", "maxAttempts": chance.choice([1, 3, "2"]), **self._maybe(delay=lambda: "PT1S")},
            ],
            "states": states,
            **self._maybe(timeouts=self._timeouts, autoRetries=lambda: True),
        }

    def _timeouts(self) -> dict[str, Any]:
        """Time-outs of the workflow, for every level."""
        whole = self._chance.choice(["PT5S", {"duration": "PT1M", "interrupt": True}])
        return self._maybe(
            workflowExecTimeout=lambda: whole,
            stateExecTimeout=lambda: "PT3S",
            actionExecTimeout=lambda: "PT2S",
            eventTimeout=lambda: "PT2S",
        )

    def _any(self) -> str:
        return self._chance.choice(EXPRESSIONS)

    def _maybe(self, **properties: Any) -> dict[str, Any]:
        """Some of the properties; a callable makes its value."""
        return {name: make() for name, make in properties.items() if self._chance.random() < 0.4}

    def _way(self) -> dict[str, Any]:
        """Where a state leads: mostly on or to an end, sometimes back."""
        chance = self._chance
        if chance.random() < 0.5:
            return {"transition": self._with_events("nextState", chance.choice(self._names))}
        return {"end": chance.choice([True, self._with_events("terminate", chance.random() < 0.5)])}

    def _with_events(self, key: str, value: Any) -> Any:
        produced = [{"eventRef": "told", **self._maybe(data=self._payload)} for _ in range(self._chance.randint(0, 2))]
        return {key: value, "produceEvents": produced} if produced else {key: value}

    def _payload(self) -> Any:
        return self._chance.choice([{"x": f"${{ {self._any()} }}"}, f"${{ {self._any()} }}", {"text": "of ${ .a }!"}])

    def _state(self, name: str, *, first: bool) -> dict[str, Any]:
        chance = self._chance
        kinds = {
            "event": self._event,
            "operation": lambda: {"actions": self._actions(), **self._maybe(actionMode=self._mode)},
            "switch": self._switch,
            "sleep": lambda: {"duration": chance.choice(["PT0S", "PT1S", "P1D"])},
            "parallel": self._parallel,
            "inject": lambda: {"data": chance.choice([each for each in INPUTS if isinstance(each, dict)])},
            "foreach": self._foreach,
            "callback": lambda: {
                "action": self._action(),
                "eventRef": "came",
                **self._maybe(eventDataFilter=self._of_event),
            },
        }
        kind = chance.choice(list(kinds))
        state = {"name": name, "type": kind, **kinds[kind]()}
        if kind != "switch":
            state |= self._way()
        if kind not in {"inject", "sleep"}:
            state |= self._maybe(onErrors=self._on_errors)
        times = self._maybe(
            timeouts=lambda: {"stateExecTimeout": chance.choice(["PT1S", {"single": "PT1S", "total": "PT3S"}])}
        )
        return {**state, **times, **self._maybe(stateDataFilter=self._of_state)}

    def _on_errors(self) -> list[dict[str, Any]]:
        return [{"errorRef": "broken", **self._way()}]

    def _mode(self) -> str:
        return self._chance.choice(["sequential", "parallel"])

    def _of_state(self) -> dict[str, Any]:
        return self._maybe(input=self._any, output=self._any)

    def _of_event(self) -> dict[str, Any]:
        return self._maybe(data=self._any, toStateData=lambda: self._chance.choice(PATHS), useData=lambda: False)

    def _of_action(self) -> dict[str, Any]:
        path = self._maybe(toStateData=lambda: self._chance.choice(PATHS))
        return {**path, **self._maybe(fromStateData=self._any, results=self._any, useResults=lambda: False)}

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        awaited = [
            {
                "eventRefs": chance.choice([["came"], ["keyed"], ["came", "keyed"]]),
                **self._maybe(actions=self._actions, eventDataFilter=self._of_event, actionMode=self._mode),
            }
            for _ in range(chance.randint(1, 2))
        ]
        return {"onEvents": awaited, **self._maybe(exclusive=lambda: False)}

    def _switch(self) -> dict[str, Any]:
        chance = self._chance
        default = {"defaultCondition": self._way()}
        if chance.random() < 0.3:
            ways = [
                {"eventRef": each, **self._way(), **self._maybe(eventDataFilter=self._of_event)}
                for each in ("came", "keyed")
            ]
            return {"eventConditions": ways, **default}
        conditions = [{"condition": chance.choice(CONDITIONS), **self._way()} for _ in range(chance.randint(0, 3))]
        return {"dataConditions": conditions, **default}

    def _parallel(self) -> dict[str, Any]:
        chance = self._chance
        branches = [{"name": f"B{number}", "actions": self._actions()} for number in range(chance.randint(1, 3))]
        needed = chance.choice([1, len(branches), "${ .a }", "1"])
        several = {"completionType": "atLeast", "numCompleted": needed}
        return {"branches": branches, **(several if chance.random() < 0.5 else {})}

    def _foreach(self) -> dict[str, Any]:
        return {
            "inputCollection": self._chance.choice([".items", ".items", ".a", "[1, 2]", ".missing", "range(3)"]),
            "actions": self._actions(),
            **self._maybe(
                outputCollection=lambda: self._chance.choice(PATHS),
                iterationParam=lambda: self._chance.choice(["item", "a", "odd name"]),
                batchSize=lambda: self._chance.choice([1, 2, "${ .a }"]),
                mode=self._mode,
            ),
        }

    def _actions(self) -> list[dict[str, Any]]:
        return [self._action() for _ in range(self._chance.randint(0, 2))]

    def _action(self) -> dict[str, Any]:
        chance = self._chance
        arguments = self._maybe(arguments=lambda: {"x": f"${{ {self._any()} }}", "text": "of ${ .a }!", "plain": [1]})
        doing: dict[str, Any] = chance.choice(
            [
                {"functionRef": {"refName": chance.choice(["compute", "call"]), **arguments}},
                {"functionRef": {"refName": "call", "invoke": "async", **arguments}},
                {"eventRef": {"triggerEventRef": "told", "resultEventRef": "came", **self._maybe(data=self._payload)}},
                {"eventRef": {"triggerEventRef": "told", **self._maybe(data=self._payload)}},
            ]
        )
        sleeps = {} if "eventRef" in doing else self._maybe(sleep=lambda: {"before": "PT1S"})
        retries: dict[str, Any] = self._maybe(retryRef=lambda: "again")
        return {
            **doing,
            **retries,
            **sleeps,
            **self._maybe(condition=lambda: chance.choice(CONDITIONS), actionDataFilter=self._of_action),
        }
