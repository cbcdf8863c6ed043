"""Running an instance's history again: the recorded causes, by the plans that it had, from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from evenweave.engine import codec
from evenweave.engine.burst import Burst, fresh
from evenweave.engine.causes import Cause, Migrate
from evenweave.engine.recording import Note, RecordedBurst, Recorder
from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.engine import Instance
    from evenweave.engine.limits import Limits
    from evenweave.engine.progress import FindPlan
    from evenweave.ports.store import HistoryEntry

_CAUSES = msgspec.msgpack.Decoder(list[Cause])


class CannotReplay(EvenweaveError):
    """A history cannot be run again: a version that it was made with is gone, or it has a gap.

    Attributes:
        gone: It, or the version that it began with, is not there any more; else it is damaged.
    """

    def __init__(self, message: str, hint: str = "", *, gone: bool = False) -> None:
        super().__init__(message, hint)
        self.gone = gone


class Replayed(Struct, frozen=True):
    """What a cause did.

    Attributes:
        revision: Of the burst.
        at: When, in seconds since the epoch.
        cause: The cause.
        notes: What happened.
        status: The status behind it.
    """

    revision: int
    at: float
    cause: Any
    notes: list[Note]
    status: str


def replay(
    instance: Instance,
    history: Sequence[HistoryEntry],
    *,
    find_plan: FindPlan,
    limits: Limits,
    recorder: Recorder | None = None,
    causes: list[Replayed] | None = None,
) -> Instance:
    """The state that a history leads to; its inbox is not part of it.

    Args:
        instance: Whose history it is, as it is stored.
        history: All its bursts, oldest first.
        find_plan: Finds the plans.
        limits: Those that it ran by: they say where long bursts paused.
        recorder: Takes notes.
        causes: Gets each cause with what the recorder noted of it.

    Raises:
        CannotReplay: See there.
    """
    try:
        decoded = [(entry, _CAUSES.decode(entry.causes)) for entry in history]
    except msgspec.MsgspecError as error:
        raise CannotReplay(f"the history of {instance.id} cannot be read: {error}") from error
    first = next((one.before for _, each in decoded for one in each if isinstance(one, Migrate)), instance.digest)
    plan = find_plan(instance.definition, first)
    if plan is None or not decoded:
        raise CannotReplay(
            f"the history of {instance.id} cannot be run again",
            "the version that it began with is not registered any more" if plan is None else "it is gone",
            gone=True,
        )
    state = fresh(plan, tenant=instance.tenant, id=instance.id, now=decoded[0][0].at)
    for entry, moves in decoded:
        if entry.revision != state.revision + 1:
            raise CannotReplay(f"the history of {instance.id} has a gap before revision {entry.revision}")
        if recorder is None:
            burst = Burst(plan, state, now=entry.at, limits=limits, find_plan=find_plan)
        else:
            burst = RecordedBurst(plan, state, recorder, now=entry.at, limits=limits, find_plan=find_plan)
        for cause in moves:
            try:
                burst.apply(cause)
            except EvenweaveError as error:
                raise CannotReplay(f"revision {entry.revision} cannot be run again: {error}") from error
            if recorder is not None and causes is not None:
                notes, recorder.notes = recorder.notes, []
                causes.append(Replayed(entry.revision, entry.at, cause, notes, burst.instance.status))
        plan, state = burst.plan, burst.close([]).instance
    return state


def agree(stored: Instance, replayed: Instance) -> bool:
    """Whether a replay came to the stored state: all of it, but for what its inbox holds."""
    twin = codec.decode(codec.encode(replayed))
    twin.held = stored.held
    return codec.encode_whole(twin) == codec.encode_whole(stored)
