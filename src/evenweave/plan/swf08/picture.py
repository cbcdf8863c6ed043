"""The picture of a Serverless Workflow 0.8 definition: its states, and the ways between them.

It is made from the checked definition, not from the plan: people look for what they wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave.definitions.swf08 import model
from evenweave.plan.drawing.picture import Arrow, Box, Picture, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evenweave.plan.drawing.picture import Way

START: Final = "start"
TIMEOUT: Final = "timeout"


def draw(workflow: model.Workflow) -> Picture:
    """Draw a definition: states, transitions, events, errors and compensation."""
    return _Drawing(workflow).draw()


class _Drawing:
    """One drawing: boxes and arrows as they are found."""

    def __init__(self, workflow: model.Workflow) -> None:
        self._workflow = workflow
        self._ids = {state.name: f"s{index}" for index, state in enumerate(workflow.states)}
        self._boxes: list[Box] = []
        self._arrows: list[Arrow] = []

    def draw(self) -> Picture:
        workflow = self._workflow
        assert workflow.start is not None
        self._boxes.append(Box(START, "start"))
        self._arrow(START, self._ids[workflow.start.state_name], rows=_schedule(workflow.start.schedule))
        for state in workflow.states:
            self._state(state)
        self._workflow_timeout()
        version = workflow.version if isinstance(workflow.version, str) else None
        name = workflow.name or workflow.id
        return Picture(f"{name} {version}" if version else name, tuple(self._boxes), tuple(self._arrows))

    def _state(self, state: model.StateNode) -> None:
        id_ = self._ids[state.name]
        kind = "compensation" if getattr(state, "used_for_compensation", False) else "state"
        rows = (*_inside(state), *_timeouts(state.timeouts))
        self._boxes.append(Box(id_, kind, state.name, model.state_type(state), rows))  # type: ignore[arg-type]
        match state:
            case model.SwitchState():
                for each in state.data_conditions or ():
                    self._leave(id_, each.transition, each.end, rows=_condition(each))
                for way in state.event_conditions or ():
                    rows = (Row(way.name),) if way.name else ()
                    self._leave(id_, way.transition, way.end, rows=(*rows, Row(way.event_ref, "in")))
                self._leave(id_, state.default.transition, state.default.end, "default")
            case _:
                self._leave(id_, getattr(state, "transition", None), getattr(state, "end", None))
        for handler in getattr(state, "on_errors", ()):
            self._leave(id_, handler.transition, handler.end, "error", (Row(", ".join(handler.error_refs)),))
        if state.compensated_by is not None:
            self._arrow(id_, self._ids[state.compensated_by], "compensation", (Row("compensated by"),))

    def _leave(
        self,
        id_: str,
        transition: model.Transition | None,
        end: model.End | None,
        way: Way = "transition",
        rows: tuple[Row, ...] = (),
    ) -> None:
        """The arrow of a transition or an end; a state that compensates another may have neither."""
        if transition is not None:
            target = self._ids[transition.next_state]
            self._arrow(id_, target, way, (*rows, *_on_the_way(transition)))
        elif end is not None:
            self._arrow(id_, self._end(id_, end), way, (*rows, *_on_the_way(end)))

    def _end(self, id_: str, end: model.End) -> str:
        """The mark of an end: one for each state and kind of end, so that no long arrows lead to one place."""
        known = {box.id for box in self._boxes}
        if end.continue_as is not None:
            follower = end.continue_as
            name = f"{follower.workflow_id} {follower.version}" if follower.version else follower.workflow_id
            number = sum(each.startswith(f"{id_}c") for each in known)
            box = Box(f"{id_}c{number}", "terminate", f"continue as {name}")
        elif end.terminate:
            box = Box(f"{id_}t", "terminate", "terminate")
        else:
            box = Box(f"{id_}e", "end")
        if box.id not in known:
            self._boxes.append(box)
        return box.id

    def _workflow_timeout(self) -> None:
        timeouts = self._workflow.timeouts
        if timeouts is None:
            return
        rows = []
        whole = timeouts.workflow_exec_timeout
        if whole is not None:
            rows.append(Row(f"workflow {whole.duration.text}{', interrupts' if whole.interrupt else ''}", "time"))
        if timeouts.state_exec_timeout is not None:
            rows.append(Row(f"each state {_total(timeouts.state_exec_timeout)}", "time"))
        for what, duration in (
            ("action", timeouts.action_exec_timeout),
            ("branch", timeouts.branch_exec_timeout),
            ("wait for events", timeouts.event_timeout),
        ):
            if duration is not None:
                rows.append(Row(f"each {what} {duration.text}", "time"))
        if not rows:
            return
        self._boxes.append(Box(TIMEOUT, "timeout", "Time-outs", "", tuple(rows)))
        if whole is not None and whole.run_before is not None:
            self._arrow(TIMEOUT, self._ids[whole.run_before], "error", (Row("runs before the end"),))

    def _arrow(self, tail: str, head: str, way: Way = "transition", rows: Iterable[Row] = ()) -> None:
        self._arrows.append(Arrow(tail, head, way, tuple(rows)))


def _condition(condition: model.DataCondition) -> tuple[Row, ...]:
    row = Row(_program(condition.condition), "expression")
    return (Row(condition.name), row) if condition.name else (row,)


def _on_the_way(leaving: model.Transition | model.End) -> Iterator[Row]:
    """What happens before the next state, in the order in which it happens."""
    if leaving.compensate:
        yield Row("compensate", "undo")
    for event in leaving.produce_events:
        yield Row(event.event_ref, "out")


def _schedule(schedule: model.Schedule | None) -> Iterator[Row]:
    if schedule is None:
        return
    zone = "" if schedule.timezone == "UTC" else f" {schedule.timezone}"
    if schedule.interval is not None:
        yield Row(f"every {schedule.interval.text}{zone}", "time")
    if schedule.cron is not None:
        until = "" if schedule.cron.valid_until is None else f" until {schedule.cron.valid_until.text}"
        yield Row(f"cron {schedule.cron.expression}{zone}{until}", "time")


def _inside(state: model.StateNode) -> Iterator[Row]:
    """What a state does, line by line."""
    match state:
        case model.EventState():
            yield from _events(state)
        case model.OperationState():
            yield from _actions(state.actions, 0, state.action_mode)
        case model.SleepState():
            yield Row(state.duration.text, "time")
        case model.InjectState():
            yield Row(", ".join(map(str, state.data)) or "nothing", "expression")
        case model.ParallelState():
            if state.completion_type == "atLeast" and state.num_completed is not None:
                many = state.num_completed
                yield Row(f"at least {many if isinstance(many, int) else _program(many)} of", "branch")
            for branch in state.branches:
                yield Row(branch.name, "branch")
                yield from _actions(branch.actions, 1)
                yield from _timeouts(branch.timeouts, 1)
        case model.ForEachState():
            name = f"{state.iteration_param} in " if state.iteration_param else ""
            side = ", one after the other" if state.mode == "sequential" else ""
            yield Row(f"for each {name}{_program(state.input_collection)}{side}", "branch")
            yield from _actions(state.actions, 1)
        case model.CallbackState():
            yield from _actions((state.action,), 0)
            yield Row(state.event_ref, "in")
        case _:
            return


def _events(state: model.EventState) -> Iterator[Row]:
    for each in state.on_events:
        joint = " or " if state.exclusive else " and "
        yield Row(joint.join(each.event_refs), "in")
        yield from _actions(each.actions, 1, each.action_mode)


def _actions(actions: Iterable[model.Action], depth: int, mode: str = "sequential") -> Iterator[Row]:
    if mode == "parallel":
        yield Row("side by side", "branch", depth)
        depth += 1
    for action in actions:
        yield from _action(action, depth)


def _action(action: model.Action, depth: int) -> Iterator[Row]:
    condition = "" if action.condition is None else f", if {_program(action.condition)}"
    pauses = action.sleep
    if pauses is not None and pauses.before is not None:
        yield Row(f"sleep {pauses.before.text}", "time", depth)
    if action.event_ref is not None:
        event = action.event_ref
        yield Row(f"{event.trigger_event_ref}{condition}", "out", depth)
        if event.result_event_ref is not None and event.invoke == "sync":
            limit = event.result_event_timeout
            yield Row(f"{event.result_event_ref}{'' if limit is None else f', at most {limit.text}'}", "in", depth)
    elif action.function_ref is not None:
        call = action.function_ref
        yield Row(f"{call.ref_name}{_async(call.invoke)}{condition}", "function", depth)
    elif action.sub_flow_ref is not None:
        flow = action.sub_flow_ref
        version = "" if flow.version is None else f" {flow.version}"
        yield Row(f"{flow.workflow_id}{version}{_async(flow.invoke)}{condition}", "subflow", depth)
    if action.retry_ref is not None:
        yield Row(f"retry {action.retry_ref}", "retry", depth + 1)
    if pauses is not None and pauses.after is not None:
        yield Row(f"sleep {pauses.after.text}", "time", depth)


def _async(invoke: str) -> str:
    return "" if invoke == "sync" else " (not waited for)"


def _timeouts(timeouts: model.StateTimeouts | None, depth: int = 0) -> Iterator[Row]:
    if timeouts is None:
        return
    if timeouts.state_exec_timeout is not None:
        yield Row(f"at most {_total(timeouts.state_exec_timeout)}", "time", depth)
    for what, duration in (
        ("each action", timeouts.action_exec_timeout),
        ("each branch", timeouts.branch_exec_timeout),
        ("waits", timeouts.event_timeout),
    ):
        if duration is not None:
            yield Row(f"{what} at most {duration.text}", "time", depth)


def _total(limit: model.StateExecTimeout) -> str:
    return limit.total.text if limit.single is None else f"{limit.total.text}, {limit.single.text} an attempt"


def _program(expression: model.Expression) -> str:
    """An expression on one line."""
    return f"fn:{expression.function}" if expression.function else " ".join(expression.text.split())
