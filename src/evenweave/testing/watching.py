"""An instance in memory whose every move is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.engine import LIMITS, Command, Publish, codec
from evenweave.engine.progress import no_other
from evenweave.engine.recording import RecordedBurst, Recorder
from evenweave.plan.nodes import Await, Do, Emit, Fork, Loop
from evenweave.testing.history import Moment
from evenweave.worker.alone import Alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.engine import Cause, Effect, Step
    from evenweave.engine.recording import Note
    from evenweave.plan.nodes import AnyNode, EventMatch, Plan


class Watched(Alone):
    """An instance in memory whose every move is noted."""

    def __init__(self, plan: Plan, data: Any, *, now: float) -> None:
        self.moments: list[Moment] = []
        self._recorder = Recorder()
        self._began = now
        self._effects: list[tuple[str, Effect]] = []
        super().__init__(plan, data, now=now, id="test")

    def take_effects(self) -> list[tuple[str, Effect]]:
        """What it asked of the outside since the last time, with the name that the definition has for it."""
        effects, self._effects = self._effects, []
        return effects

    def tell(self, cause: Cause, now: float) -> None:
        """Move it by a cause."""
        self._move(cause, now)

    def interrupt(self, now: float) -> None:
        """Suspend it, store and load it as a restart does, and resume it."""
        self._move(Command("suspend"), now)
        self._instance = codec.decode(codec.encode(self._instance))
        self._move(Command("resume"), now)

    def path(self, states: Mapping[str, str]) -> list[str]:
        """The states that it was in."""
        return [states[entry.position] for entry in self._recorder.entries if entry.position in states]

    def _step(self, cause: Cause, now: float) -> Step:
        recorder = self._recorder
        burst = RecordedBurst(self._plan, self._instance, recorder, now=now, limits=LIMITS, find_plan=no_other)
        taken = burst.apply(cause)
        notes, recorder.notes = recorder.notes, []
        made = burst.close([taken])
        if taken:
            self._note(cause, notes, made, now)
        return made

    def _note(self, cause: Cause, notes: list[Note], made: Step, now: float) -> None:
        positions = {note.event: note.position for note in notes if note.what == "published"}
        for effect in made.effects:
            name = ""
            if isinstance(effect, Publish):
                node = self._plan.nodes[positions[effect.event["id"]]]
                assert isinstance(node, Emit)
                name = node.name
            self._effects.append((name, effect))
        reason = made.instance.reason
        why = "" if reason is None else f"{reason.type}: {reason.title} ({reason.reference or '/'})"
        self.moments.append(Moment(now - self._began, cause, notes, made.instance.status, why))


def find_answers(plan: Plan) -> dict[str, EventMatch | None]:
    """The reply that each event waits for which the definition publishes: of the same action, or callback state."""
    found: dict[str, EventMatch | None] = {}

    def look(node: AnyNode) -> None:
        inside = list(_inside(node))
        if isinstance(node, Do) and node.task:
            echoes = [
                accept.match
                for each in _below(node)
                if isinstance(each, Await)
                for accept in each.accepts
                if accept.echo
            ]
            for each in _below(node):
                if isinstance(each, Emit):
                    found[each.name] = echoes[0] if echoes else found.get(each.name)
        for each in inside:
            look(each)

    look(plan.root)
    return found


def _inside(node: AnyNode) -> Iterator[AnyNode]:
    match node:
        case Do():
            yield from node.body.nodes.values()
        case Fork():
            yield from node.branches
        case Loop():
            yield node.body
        case _:
            return


def _below(node: AnyNode) -> Iterator[AnyNode]:
    for each in _inside(node):
        yield each
        yield from _below(each)
