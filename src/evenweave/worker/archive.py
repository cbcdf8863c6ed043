"""What an instance's history is good for: its trace, a new instance from somewhere on the way, and a check."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from evenweave import jq
from evenweave.engine.causes import Begin
from evenweave.engine.lifetime import lacks
from evenweave.engine.migration import find_opening
from evenweave.engine.patching import put
from evenweave.engine.recording import Entry, Recorder
from evenweave.worker import identity
from evenweave.worker.refusals import NotFound, NotPossible
from evenweave.worker.replay import CannotReplay, Replayed, agree, replay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.engine import Instance
    from evenweave.engine.recording import Note
    from evenweave.worker.batch import Batch
    from evenweave.worker.definitions import Registered
    from evenweave.worker.mover import Mover


class Step(Struct, frozen=True):
    """Something that happened: see `evenweave.engine.recording.Note`, with the name that the author gave the place."""

    what: str
    reference: str
    name: str
    kind: str
    depth: int
    fiber: int
    took_s: float | None
    event: str


class TracedCause(Struct, frozen=True):
    """What moved the instance, and what came of it.

    Attributes:
        cause: The cause as the history has it.
        status: The status of the instance behind it.
        steps: What happened.
    """

    cause: dict[str, Any]
    status: str
    steps: list[Step]


class TracedBurst(Struct, frozen=True):
    """One burst; ``waited_s`` is the time since the one before."""

    revision: int
    at: float
    waited_s: float
    causes: list[TracedCause]


class Trace(Struct, frozen=True, omit_defaults=True):
    """The history of an instance as a tree; times in seconds since the epoch.

    Attributes:
        children: The traces of the instances that it started, where they are asked for.
        missing: What of those cannot be shown, and why.
    """

    id: str
    definition: str
    version: str
    status: str
    started: float
    updated: float
    bursts: list[TracedBurst]
    children: list[Trace] = []
    missing: list[str] = []


class Archive:
    """Reads histories by running them again."""

    def __init__(self, mover: Mover) -> None:
        self._mover = mover

    async def trace(self, id: str, *, children: bool = False) -> Trace:  # noqa: A002
        """What happened in an instance, burst by burst; with ``children``, in those that it started as well.

        Raises:
            NotFound: There is no such instance.
            evenweave.worker.replay.CannotReplay: A version that it ran is gone.
        """
        instance = await self._instance(id)
        causes: list[Replayed] = []
        await self._replay(instance, Recorder(), causes)
        registered = self._mover.definitions.by_digest(instance.definition, instance.digest)
        bursts: list[TracedBurst] = []
        before = instance.started
        for each in causes:
            if not bursts or bursts[-1].revision != each.revision:
                bursts.append(TracedBurst(each.revision, each.at, each.at - before, []))
                before = each.at
            steps = [_step(note, registered) for note in each.notes]
            bursts[-1].causes.append(TracedCause(msgspec.to_builtins(each.cause), each.status, steps))
        i = instance
        found: list[Trace] = []
        missing: list[str] = []
        for child in await self._mover.store.children(id) if children else ():
            try:
                found.append(await self.trace(child.id, children=True))
            except (NotFound, CannotReplay) as error:
                missing.append(str(error))
        return Trace(i.id, i.definition, i.version, i.status, i.started, i.updated, bursts, found, missing)

    async def check(self, id: str) -> bool:  # noqa: A002
        """Whether the history of an instance leads to the state that is stored: it must.

        Raises:
            NotFound: There is no such instance.
            evenweave.worker.replay.CannotReplay: A version that it ran is gone.
        """
        instance = await self._instance(id)
        return agree(instance, await self._replay(instance, None, None))

    async def fork(
        self,
        id: str,  # noqa: A002
        at: str,
        *,
        patch: Mapping[str, Any],
        version: str | None = None,
        command: str | None = None,
    ) -> str:
        """Start a new instance in a state that an old one was in, with the data that it had there; return its id.

        Where it was there several times, the last one counts. The new one has ids of its own, and publishes nothing
        that came before; it correlates by the same values, and stands for those keys that nobody stands for.

        Args:
            id: The old instance.
            at: The state's name or reference.
            patch: What to put into the data first, by jq path.
            version: What the new one runs; ``None`` is what the old one does.
            command: The same command forks only once.

        Raises:
            NotFound: There is no such instance, state or version.
            NotPossible: The old one never was in that state, or its event starts nothing in the other version.
            evenweave.engine.patching.BadPatch: The patch fits nowhere.
            evenweave.worker.replay.CannotReplay: A version that it ran is gone.
        """
        instance = await self._instance(id)
        target = self._find(instance, version)
        recorder = Recorder()
        await self._replay(instance, recorder, None)
        entry = _entry(recorder, target, at)
        budget = jq.Budget(self._mover.settings.limits.fuel, now=self._mover.now())
        data = put(entry.data, patch, budget)
        assert target.plan is not None
        opening = None
        if entry.opening is not None:
            opening = find_opening(entry.opening, entry.plan, target.plan)
            if opening is None:
                raise NotPossible("the event that started it starts nothing in that version")
        if instance.lifetime is not None and lacks(target.plan, instance.lifetime):
            raise NotPossible(f'there is no state "{instance.lifetime.before_end}" to run before the end')
        forked = identity.of_command(instance.tenant, instance.definition, f"fork {id} {command or uuid.uuid4().hex}")

        async def work(batch: Batch) -> None:
            free = [key for key in entry.claims if await batch.transaction.claimant(instance.definition, key) is None]
            cause = Begin(
                data,
                None if opening is None else opening.event,
                0 if opening is None else opening.start,
                entry.position,
                entry.correlation,
                free,
                compensation=entry.compensation,
                compensating=entry.compensating,
                lifetime=instance.lifetime,
                gathered={} if opening is None else opening.gathered,
            )
            assert target.plan is not None
            await batch.begin(target.plan, forked, cause)

        await (await self._mover.move(work)).durable
        return forked

    async def _instance(self, id: str) -> Instance:  # noqa: A002
        instance = await self._mover.store.instance(id)
        if instance is None:
            raise NotFound(f"no instance {id}")
        return instance

    async def _replay(self, instance: Instance, recorder: Recorder | None, causes: list[Replayed] | None) -> Instance:
        history = await self._mover.store.history(instance.id)
        through = [entry for entry in history if entry.revision <= instance.revision]
        return replay(
            instance,
            through,
            find_plan=self._mover.definitions.plan,
            limits=self._mover.settings.limits,
            recorder=recorder,
            causes=causes,
        )

    def _find(self, instance: Instance, version: str | None) -> Registered:
        definitions = self._mover.definitions
        found = definitions.by_digest(instance.definition, instance.digest)
        if version is not None:
            flow = definitions.flows.get(instance.definition)
            every = [] if flow is None else flow.registered
            found = next((each for each in reversed(every) if each.row.version == version), None)
        if found is None or found.plan is None:
            named = "it ran" if version is None else f'"{version}"'
            raise NotFound(f'definition "{instance.definition}" has no version {named} that can run')
        return found


def _entry(recorder: Recorder, target: Registered, at: str) -> Entry:
    position = target.state(at)
    if position is None:
        raise NotFound(f'there is no state "{at}"')
    found = [entry for entry in recorder.entries if entry.position == position]
    if not found:
        seen = dict.fromkeys(target.name(entry.position) or entry.position for entry in recorder.entries)
        raise NotPossible(f'it never was in "{at}"', f"it was in {', '.join(seen)}")
    return found[-1]


def _step(note: Note, registered: Registered | None) -> Step:
    reference = note.position.partition("#")[0]
    name = "" if registered is None else registered.name(reference)
    if note.what == "published":
        name = ""
    return Step(note.what, reference, name, note.kind, note.depth, note.fiber, note.took_s, note.event)
