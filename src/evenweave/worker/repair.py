"""Mending instances: one by its id, or many, in batches of one transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from evenweave import jq
from evenweave.engine import life
from evenweave.engine.causes import Command, Migrate
from evenweave.engine.codec import UnreadableState
from evenweave.engine.life import NotAllowed
from evenweave.engine.migration import CannotMigrate, Missing
from evenweave.engine.patching import compile_patch, patched
from evenweave.ports.store import StoreRefused, Which
from evenweave.worker.refusals import NotFound, NotPossible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evenweave.engine import Instance
    from evenweave.worker.batch import Batch
    from evenweave.worker.definitions import Definitions, Registered
    from evenweave.worker.mover import Mover
    from evenweave.worker.registrar import Registrar

AT_ONCE = 200
"""How many instances one transaction repairs at most."""

Verb = Literal["suspend", "resume", "cancel", "retry", "skip", "migrate"]


class Repair(Struct, frozen=True):
    """What to do with instances.

    Attributes:
        verb: The command; ``migrate`` only moves them to another version.
        reason: One sentence that says why.
        patch: For ``retry`` and ``skip``: what to put into the data first, by jq path.
        migrate: Move them to another version first.
        to: The version to move to, as written; ``None`` is the one that starts instances.
    """

    verb: Verb
    reason: str = ""
    patch: dict[str, Any] = {}
    migrate: bool = False
    to: str | None = None

    @property
    def default(self) -> Which:
        """Which instances it can concern at all."""
        status = {"retry": "faulted", "skip": "faulted", "resume": "suspended"}.get(self.verb, "")
        return Which(status=status, live=True)


class Left(Struct, frozen=True):
    """An instance that stays as it is, with the reason; ``missing`` is what kept it from migrating."""

    id: str
    reason: str
    missing: list[Missing] = []


class Repaired(Struct, frozen=True):
    """What became of a repair.

    Attributes:
        done: The instances that were repaired.
        left: Those that were not.
        after: The number behind which the next page begins; none where this was the last one.
    """

    done: list[str]
    left: list[Left]
    after: int | None = None


class Workshop:
    """Repairs instances."""

    def __init__(self, mover: Mover, registrar: Registrar) -> None:
        self._mover = mover
        self._registrar = registrar

    async def repair(self, id: str, what: Repair) -> None:  # noqa: A002
        """Repair one instance.

        Raises:
            NotFound: There is no such instance, or no such version.
            NotPossible: Its definition cannot run; it never began; it runs that version already.
            evenweave.engine.life.NotAllowed: Its status does not allow it, the patch fits nowhere, or it cannot migrate
                (`evenweave.engine.migration.CannotMigrate`).
        """
        compile_patch(what.patch)

        async def work(batch: Batch) -> None:
            await repair(batch, id, what)

        await (await self._mover.move(work)).durable
        self._tidy(what)

    async def repair_some(self, ids: Sequence[str], what: Repair) -> Repaired:
        """Repair these instances, in as few transactions as can be; what is refused leaves the others alone."""
        compile_patch(what.patch)
        done: list[str] = []
        left: list[Left] = []
        for start in range(0, len(ids), AT_ONCE):
            await self._repair_in_one(ids[start : start + AT_ONCE], what, done, left)
        self._tidy(what)
        return Repaired(done, left)

    async def repair_page(self, which: Which, what: Repair, *, after: int, limit: int) -> Repaired:
        """Repair the next page of the instances that are meant."""
        rows = await self._mover.store.instances(which, after=after, limit=limit)
        made = await self.repair_some([row.id for row in rows], what)
        return Repaired(made.done, made.left, rows[-1].sequence if len(rows) == limit else None)

    def _tidy(self, what: Repair) -> None:
        if what.migrate or what.verb == "migrate":
            self._registrar.tidy()

    async def _repair_in_one(self, ids: Sequence[str], what: Repair, done: list[str], left: list[Left]) -> None:
        """One transaction; where the store refuses it, halve until the guilty instance stands alone."""
        found: dict[str, Left | None] = {}

        async def work(batch: Batch) -> None:
            for id_ in ids:
                try:
                    await repair(batch, id_, what)
                except CannotMigrate as error:
                    found[id_] = Left(id_, error.message, error.missing)
                except (NotFound, NotPossible, NotAllowed, UnreadableState) as error:
                    found[id_] = Left(id_, error.message)
                else:
                    found[id_] = None

        try:
            await (await self._mover.move(work)).durable
        except StoreRefused as error:
            if len(ids) == 1 and error.own:
                left.append(Left(ids[0], str(error)))
                return
            middle = (len(ids) + 1) // 2
            for part in (ids[:middle], ids[middle:]):
                if part:
                    await self._repair_in_one(part, what, done, left)
            return
        for id_, refused in found.items():
            if refused is None:
                done.append(id_)
            else:
                left.append(refused)


async def repair(batch: Batch, id: str, what: Repair) -> None:  # noqa: A002
    """Repair an instance as part of a batch; see `Workshop.repair`. What is refused has changed nothing."""
    working = await batch.open(id)
    if working is None:
        raise NotFound(f"no instance {id}")
    instance = working.instance
    if working.stranded and what.verb != "suspend":
        raise NotPossible(f'its definition "{instance.definition}" cannot run', "see its entry among the definitions")
    if what.verb == "resume" and instance.counter == 0:
        raise NotPossible("what should have started it failed, so there is nothing to resume", "cancel it")
    if what.verb != "migrate":
        life.after(instance.status, what.verb)
    if what.patch:
        patched(instance, what.patch, jq.Budget(batch.settings.limits.fuel, now=batch.now))
    if what.migrate or what.verb == "migrate":
        target = _target(batch.definitions, instance, what.to)
        if target.row.digest != instance.digest:
            _check_names(batch.definitions, instance, target)
            await batch.give(working, Migrate(target.row.digest, target.row.version, instance.digest))
        elif what.verb == "migrate":
            raise NotPossible(f'it runs version "{target.row.version}" already')
    if what.verb != "migrate":
        await batch.give(working, Command(what.verb, what.reason, patch=what.patch))


def _target(definitions: Definitions, instance: Instance, version: str | None) -> Registered:
    flow = definitions.flows.get(instance.definition)
    if flow is not None and version is None and flow.newest is not None:
        return flow.newest
    for each in reversed(flow.registered if flow is not None else []):
        if version is not None and each.row.version == version:
            return each
    named = "that starts instances" if version is None else f'"{version}"'
    raise NotFound(f'definition "{instance.definition}" has no version {named}')


def _check_names(definitions: Definitions, instance: Instance, target: Registered) -> None:
    """A state that was inserted moves the references of all behind it: names tell them apart.

    Raises:
        CannotMigrate: What the instance is in has another name there.
    """
    current = definitions.by_digest(instance.definition, instance.digest)
    if current is None:
        return
    missing = []
    for reference in filter(None, dict.fromkeys(_references(instance))):  # the whole may have another name
        here, there = current.name(reference), target.name(reference)
        if there and here != there:
            missing.append(Missing(reference, f'it is "{here}", and "{there}" in the other version'))
    if missing:
        raise CannotMigrate(f'it does not fit version "{target.row.version}"', missing)


def _references(instance: Instance) -> Iterator[str]:
    for fiber in instance.fibers:
        for frame in fiber.frames:
            yield frame.position.partition("#")[0]
        if fiber.at is not None:
            yield fiber.at.partition("#")[0]
