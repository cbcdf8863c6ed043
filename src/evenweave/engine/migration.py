"""Moving an instance to another plan of its definition, by reference (PROTOCOL section 1)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from evenweave.engine.effects import Forget, Listen
from evenweave.engine.fault import Fault
from evenweave.engine.gathering import is_gathering
from evenweave.engine.instance import Opening, Waiting
from evenweave.engine.life import NotAllowed, allows
from evenweave.engine.lifetime import lacks
from evenweave.engine.listening import expect, listened
from evenweave.plan.nodes import Await, Do, Fork, Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.engine.burst import Burst
    from evenweave.engine.causes import Migrate
    from evenweave.engine.instance import Fiber, Frame, Instance
    from evenweave.plan.nodes import AnyNode, Plan, Start


class Missing(Struct, frozen=True):
    """Something that an instance stands on and another version does not have.

    Attributes:
        reference: Where in the definition that it runs.
        title: One sentence that says what is missing.
    """

    reference: str
    title: str


class CannotMigrate(NotAllowed):
    """An instance cannot go on by another version; it stays as it is.

    Attributes:
        missing: Why, each with its place.
    """

    def __init__(self, message: str, missing: list[Missing]) -> None:
        lines = [f"{each.reference or '/'}: {each.title}" for each in missing]
        super().__init__(f"{message}: {'; '.join(lines)}" if lines else message)
        self.missing = missing


def migrate(burst: Burst, cause: Migrate) -> None:
    """Let an instance go on by the plan that the cause names: what it waits for is asked for anew, by that plan.

    Raises:
        CannotMigrate: It cannot; nothing has changed.
    """
    instance, old = burst.instance, burst.plan
    if not allows(instance.status, "migrate"):
        raise CannotMigrate(f"an instance that is {instance.status} cannot migrate", [])
    if is_gathering(instance):
        raise CannotMigrate("an instance that has not begun cannot migrate", [])
    new = burst.find_plan(instance.definition, cause.digest)
    if new is None:
        raise CannotMigrate(f'its definition has no version "{cause.version}" that can run', [])
    missing = find_missing(instance, old, new)
    if missing:
        raise CannotMigrate(f'it does not fit version "{new.version}"', missing)
    # The keys of what it waits for are made by the new plan: that may fail, so it comes before anything changes.
    burst.replan(new)
    try:
        moved = [(fiber, frame, _wait(burst, fiber, frame, old)) for fiber, frame in _awaits(instance, old)]
    except Fault as fault:
        burst.replan(old)
        missing = [Missing(fault.reference, fault.title)]
        raise CannotMigrate(f'it does not fit version "{new.version}"', missing) from None
    burst.turn("migrate")
    for fiber, frame, waiting in moved:
        if fiber.blocked == "await":
            _listen_anew(burst, frame, waiting, old)
        frame.waiting = waiting
    if instance.opening is not None:
        instance.opening = find_opening(instance.opening, old, new)
    instance.digest, instance.version = new.digest, new.version


def find_missing(instance: Instance, old: Plan, new: Plan) -> list[Missing]:
    """What an instance stands on that the new plan does not have; nothing where it can go on there.

    Every position in its frames must be there, as the same kind of node and inside the same; an await must wait for
    what it waited for; and the keys that the instance stands for must be keys of the new version too.
    """
    found: dict[tuple[str, str], Missing] = {}
    for each in _missing(instance, old, new):
        found.setdefault((each.reference, each.title), each)
    return list(found.values())


def _missing(instance: Instance, old: Plan, new: Plan) -> Iterator[Missing]:
    around: dict[int, AnyNode] = {}
    for fiber in instance.fibers:
        nodes = []
        for frame in fiber.frames:
            node = new.nodes.get(frame.position)
            before = old.nodes[frame.position]
            if node is None:
                yield Missing(before.reference, f"there is no such {_kind(before)}")
                break
            if node.__class__ is not before.__class__:
                yield Missing(before.reference, f"it was a {_kind(before)} and is a {_kind(node)}")
                break
            if isinstance(node, Await) and isinstance(before, Await):
                yield from _missing_events(before, node, frame)
            if frame.branches is not None:
                around[frame.activation] = node
            nodes.append(node)
        else:
            yield from _missing_places(fiber, nodes, around, new)
    if instance.opening is not None and find_opening(instance.opening, old, new) is None:
        yield Missing("", "the event that started it starts nothing there")
    yield from _missing_keys(instance, new)
    for of, by in instance.compensation:
        if by not in new.root.body.nodes or of not in new.nodes:
            yield Missing(of, "there is nothing that compensates it")
    lifetime = instance.lifetime
    if lifetime is not None and lacks(new, lifetime) and not lacks(old, lifetime):
        yield Missing("", f'there is no state "{lifetime.before_end}" to run before the end')
    ahead = [instance.compensating, "" if instance.ending is None else instance.ending.first]
    for position in ahead:
        if position and position not in new.root.body.nodes:
            yield Missing(position.partition("#")[0], "there is no such step to go on with")


def _missing_places(fiber: Fiber, nodes: list[AnyNode], around: dict[int, AnyNode], new: Plan) -> Iterator[Missing]:
    """Nodes that are there, but not inside of what they were in."""
    for outer, inner in pairwise(nodes):
        if not (isinstance(outer, Do) and inner.position in outer.body.nodes):
            yield Missing(inner.reference, "it is at another place")
    if not nodes:
        return
    if fiber.parent:
        join = around.get(fiber.parent)
        inside = isinstance(join, Loop) and join.body.position == nodes[0].position
        if isinstance(join, Fork) and fiber.index < len(join.branches):
            inside = join.branches[fiber.index].position == nodes[0].position
        if join is not None and not inside:
            yield Missing(nodes[0].reference, "it is at another place")
    if fiber.at is not None and fiber.at != nodes[-1].position:
        innermost = nodes[-1]
        if fiber.at not in new.nodes:
            yield Missing(fiber.at.partition("#")[0], "there is no such step to go on with")
        elif not (isinstance(innermost, Do) and fiber.at in innermost.body.nodes):
            yield Missing(fiber.at.partition("#")[0], "it is at another place")


def _missing_events(before: Await, node: Await, frame: Frame) -> Iterator[Missing]:
    if before.mode != node.mode:
        yield Missing(before.reference, f"it waited for {before.mode} of its events and waits for {node.mode}")
    places = _places(before, node)
    for index, accept in enumerate(before.accepts):
        if index not in places:
            yield Missing(before.reference, f'it does not wait for "{accept.match.name}"')
    assert frame.waiting is not None
    came = {places[index] for index in frame.waiting.matched if index in places}
    if len(before.accepts) == len(frame.waiting.matched) and len(came) < len(node.accepts) and before.mode == "all":
        yield Missing(before.reference, "all that it waited for has come, and it waits for more")


def _missing_keys(instance: Instance, new: Plan) -> Iterator[Missing]:
    known = set()
    for start in new.starts:
        rules = [rule for rule in start.accept.match.correlate if rule.expected is None]
        known.add(tuple(sorted(rule.name for rule in rules)))
    for key in instance.claims:
        names = tuple(name for name, _ in msgspec.json.decode(key))
        if names not in known:
            yield Missing("", f"no event that starts it correlates by {', '.join(names)}")


def _places(before: Await, node: Await) -> dict[int, int]:
    """Where each of an await's events is in the other one, by the event's name."""
    left = list(enumerate(node.accepts))
    places = {}
    for index, accept in enumerate(before.accepts):
        for place in left:
            if place[1].match.name == accept.match.name:
                places[index] = place[0]
                left.remove(place)
                break
    return places


def _awaits(instance: Instance, plan: Plan) -> Iterator[tuple[Fiber, Frame]]:
    for fiber in instance.fibers:
        frame = fiber.frames[-1] if fiber.frames else None
        if frame is not None and frame.waiting is not None and isinstance(plan.nodes[frame.position], Await):
            yield fiber, frame


def _wait(burst: Burst, fiber: Fiber, frame: Frame, old: Plan) -> Waiting:
    """What an await waits for by the new plan, with the events that it has."""
    before: Await = old.nodes[frame.position]  # type: ignore[assignment] # `_awaits` looked
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment] # `find_missing` made sure
    places = _places(before, node)
    assert frame.waiting is not None
    matched = {places[index]: event for index, event in frame.waiting.matched.items()}
    waiting = Waiting(matched, {}, {})
    for index, accept in enumerate(node.accepts):
        if index in matched or not accept.match.correlate:
            continue
        key, fixed = expect(burst, fiber, accept)
        if key:
            waiting.keys[index] = key
        elif fixed:
            waiting.fixed[index] = fixed
    return waiting


def _listen_anew(burst: Burst, frame: Frame, waiting: Waiting, old: Plan) -> None:
    before: Await = old.nodes[frame.position]  # type: ignore[assignment] # `_awaits` looked
    node: Await = burst.plan.nodes[frame.position]  # type: ignore[assignment] # `find_missing` made sure
    assert frame.waiting is not None
    was, wanted = listened(before, frame.waiting), listened(node, waiting)
    # What stays as it is keeps its row, and its place among those that wait for the same.
    burst.effects += [Forget(frame.activation, *each) for each in was if each not in wanted]
    burst.effects += [Listen(frame.activation, *each) for each in wanted if each not in was]


def find_opening(opening: Opening, old: Plan, new: Plan) -> Opening | None:
    """The same opening by another plan; none where an event of it starts nothing there."""
    before = old.starts[opening.start]
    place = _find_start(before, new)
    if place is None or (opening.gathered and new.gathers is None):
        return None
    gathered: dict[int, dict[str, Any]] = {}
    for index, event in opening.gathered.items():
        name = next(each.accept.match.name for each in old.starts if each.index == index)
        indexes = [each.index for each in new.starts if each.accept.match.name == name]
        if not indexes:
            return None
        gathered.update(dict.fromkeys(indexes, event))
    return Opening(place, opening.event, gathered)


def _find_start(before: Start, new: Plan) -> int | None:
    for index, start in enumerate(new.starts):
        if start.position == before.position and start.accept.match.name == before.accept.match.name:
            return index
    return None


def _kind(node: AnyNode) -> str:
    return {"Do": "step"}.get(type(node).__name__, type(node).__name__.lower())
