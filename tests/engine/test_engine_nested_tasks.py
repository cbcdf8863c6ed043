"""Plans as a compiler of nested tasks makes them (Serverless Workflow 1.0: do, try, fork) run on the same engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine_driver import EPOCH

from evenweave import jq
from evenweave.engine import Begin, Deadline, Instance, fresh, step
from evenweave.plan.duration import Duration
from evenweave.plan.guards import ErrorMatch, Guard, Handler, Retry
from evenweave.plan.nodes import AnyNode, Do, Fork, Plan, Raise, Scope, Set, Sleep
from evenweave.plan.template import Constant, Expression

if TYPE_CHECKING:
    from collections.abc import Iterator


def expression(source: str) -> Expression:
    """An expression, as it stands between ``${`` and ``}``."""
    return Expression(jq.compile(source), source, "")


def scope(*nodes: AnyNode) -> Scope:
    """Nodes that begin with the first; where each goes on is its own matter."""
    return Scope(first=nodes[0].position, nodes={node.position: node for node in nodes})


def make_plan(*tasks: AnyNode) -> Plan:
    """A plan of tasks."""
    root = Do(position="", body=scope(*tasks))
    nodes = {node.position: node for node in walk(root)}
    return Plan(id="tasks", version="1", name="tasks", digest="0", root=root, nodes=nodes, starts=())


def walk(node: AnyNode) -> Iterator[AnyNode]:
    """A node and all that are inside of it."""
    yield node
    inside = node.body.nodes.values() if isinstance(node, Do) else node.branches if isinstance(node, Fork) else ()
    for each in inside:
        yield from walk(each)


def begin(plan: Plan, data: dict[str, Any]) -> Instance:
    """Start an instance."""
    made = fresh(plan, tenant="default", id="i", now=EPOCH)
    return step(plan, made, [Begin(data)], now=EPOCH).instance


def wake(plan: Plan, instance: Instance, after_s: float) -> Instance:
    """Let the instance's deadline be over, which must be so many seconds after the beginning."""
    assert instance.due == EPOCH + after_s
    return step(plan, instance, [Deadline()], now=EPOCH + after_s).instance


def test_nested_do_hands_each_output_on() -> None:
    """A task's output is the next one's input, in and out of a nested list of tasks."""
    plan = make_plan(
        Set(position="/do/0/first", value=Constant({"a": 1}), then="/do/1/inner"),
        Do(
            position="/do/1/inner",
            body=scope(
                Set(position="/do/1/inner/do/0/second", value=expression(".b = .a + 1"), then="/do/1/inner/do/1/third"),
                Set(position="/do/1/inner/do/1/third", value=expression(".c = .a + .b")),
            ),
            output=expression("{b, c}"),
            then="/do/2/last",
        ),
        Set(position="/do/2/last", value=expression("{sum: (.b + .c)}")),
    )
    instance = begin(plan, {"ignored": True})
    assert (instance.status, instance.data) == ("completed", {"sum": 5})


def test_try_is_retried_with_a_growing_delay_and_then_caught() -> None:
    """A try runs again after each delay; when its retries are used up, its catch goes on with the data before it."""
    communication = ErrorMatch("communication", "communication")
    caught = Handler("/do/1/risky/catch", (communication,), "/do/2/recover")
    retry = Retry(reference="/do/1/risky/catch/retry", limit=2, delay=Duration(0, 3_000), multiplier=2)
    plan = make_plan(
        Set(position="/do/0/prepare", value=Constant({"tried": "nothing"}), then="/do/1/risky"),
        Do(
            position="/do/1/risky",
            guard=Guard(handlers=(caught,), retry=retry),
            body=scope(
                Set(position="/do/1/risky/try/0/note", value=Constant({"tried": "it"}), then="/do/1/risky/try/1/fail"),
                Raise(position="/do/1/risky/try/1/fail", type="communication"),
            ),
        ),
        Set(position="/do/2/recover", value=expression(".recovered = true")),
    )
    instance = begin(plan, {})
    assert instance.status == "waiting"
    instance = wake(plan, instance, 3)
    instance = wake(plan, instance, 3 + 6)
    assert (instance.status, instance.data) == ("completed", {"tried": "nothing", "recovered": True})


def test_error_that_no_catch_is_for_faults() -> None:
    """An error of another type passes the catch, and names the task that raised it."""
    caught = Handler("/do/0/risky/catch", (ErrorMatch("communication", "communication"),), "/do/1/recover")
    plan = make_plan(
        Do(
            position="/do/0/risky",
            guard=Guard(handlers=(caught,)),
            body=scope(Raise(position="/do/0/risky/try/0/fail", type="validation")),
        ),
        Set(position="/do/1/recover", value=Constant({"recovered": True})),
    )
    instance = begin(plan, {})
    assert instance.status == "faulted"
    assert instance.reason is not None
    assert (instance.reason.type, instance.reason.reference) == ("validation", "/do/0/risky/try/0/fail")


def test_fork_that_competes_ends_with_the_first() -> None:
    """Of branches that compete the first to end wins; the others are gone, with what they waited for."""

    def branch(index: int, seconds: int) -> Do:
        position = f"/do/0/race/fork/branches/{index}/run"
        return Do(
            position=position,
            body=scope(
                Sleep(
                    position=f"{position}/do/0/wait", duration=Duration(0, seconds * 1_000), then=f"{position}/do/1/win"
                ),
                Set(position=f"{position}/do/1/win", value=Constant({"winner": index})),
            ),
        )

    plan = make_plan(
        Fork(position="/do/0/race", branches=(branch(0, 5), branch(1, 2)), needed=1, then="/do/1/after"),
        Set(position="/do/1/after", value=expression(".over = true")),
    )
    instance = wake(plan, begin(plan, {}), 2)
    assert (instance.status, instance.data) == ("completed", {"winner": 1, "over": True})
    assert instance.due is None
