"""Running the histories of a whole store again: each must lead to the state that is stored, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from evenweave.engine import codec
from evenweave.engine.burst import LIMITS
from evenweave.errors import EvenweaveError
from evenweave.worker.registration import restore
from evenweave.worker.replay import CannotReplay, agree, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.engine.limits import Limits
    from evenweave.plan.nodes import Plan
    from evenweave.ports.store import DefinitionRow, HistoryEntry
    from evenweave.worker.definitions import Registered

PAGE = 200
FIRST = 1 << 62
"""Above the number of every instance."""


class Histories(Protocol):
    """Reads a store that others may be working on; nothing is changed."""

    async def definitions(self) -> Sequence[DefinitionRow]:
        """All definitions."""
        ...

    async def states(self, before: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """A page of instances, newest first: number, id and encoded state of those with a number below ``before``."""
        ...

    async def history(self, instance: str) -> Sequence[HistoryEntry]:
        """The bursts of an instance, oldest first."""
        ...


class Checked(Struct):
    """What came of it.

    Attributes:
        same: How many histories lead to the stored state.
        gone: How many cannot be run again any more, because they were given up or their first version was.
        wrong: What is wrong with the others, a sentence each.
        more: Whether there are older instances that were not looked at.
    """

    same: int = 0
    gone: int = 0
    wrong: list[str] = []
    more: bool = False


async def check_histories(
    histories: Histories, *, most: int, limits: Limits = LIMITS, say: Callable[[Checked], None] | None = None
) -> Checked:
    """Run the histories of the newest instances again and compare the states.

    Args:
        histories: The store.
        most: Look at so many instances.
        limits: Those that the engine ran by.
        say: Told after each page how far it is.
    """
    checker = _Checker(histories, limits)
    found, before, left = Checked(), FIRST, most
    while left and (page := await histories.states(before, min(PAGE, left))):
        for sequence, id_, state in page:
            before = sequence
            await checker.check(id_, state, found)
        left -= len(page)
        if say is not None:
            say(found)
    found.more = not left and bool(await histories.states(before, 1))
    return found


class _Checker:
    """Knows the plans."""

    def __init__(self, histories: Histories, limits: Limits) -> None:
        self._histories = histories
        self._limits = limits
        self._registered: dict[tuple[str, str], Registered] = {}

    async def check(self, id_: str, state: bytes, found: Checked) -> None:
        """Note what becomes of one."""
        try:
            stored = codec.decode(state)
        except codec.UnreadableState as error:
            found.wrong.append(f"the state of instance {id_} cannot be read: {error}")
            return
        if stored.id != id_:
            found.wrong.append(f"the state of instance {id_} is that of {stored.id}")
            return
        if (stored.definition, stored.digest) not in self._registered:
            await self._learn()
        # Read behind the state: what came meanwhile is behind its revision.
        history = [each for each in await self._histories.history(id_) if each.revision <= stored.revision]
        if not history and stored.ended:
            found.gone += 1
            return
        try:
            replayed = replay(stored, history, find_plan=self._find_plan, limits=self._limits)
        except CannotReplay as error:
            if error.gone and history:
                found.gone += 1
            else:
                found.wrong.append(str(error))
        except EvenweaveError as error:
            found.wrong.append(f"the history of {id_} cannot be run again: {error}")
        else:
            if agree(stored, replayed):
                found.same += 1
            else:
                found.wrong.append(f"the history of instance {id_} leads to another state than the one stored")

    async def _learn(self) -> None:
        for row in await self._histories.definitions():
            if (row.id, row.digest) not in self._registered:
                self._registered[row.id, row.digest] = restore(row)

    def _find_plan(self, definition: str, digest: str) -> Plan | None:
        found = self._registered.get((definition, digest))
        return None if found is None else found.plan
