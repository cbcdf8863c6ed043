"""Mending the data of a stopped instance, before it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave import jq
from evenweave.engine.life import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenweave.engine.burst import Burst
    from evenweave.engine.instance import Frame, Instance


class BadPatch(NotAllowed):
    """A patch is no path, or there is no place for it in the data."""


def compile_patch(patch: Mapping[str, Any]) -> list[tuple[jq.Program, Any]]:
    """The paths of a patch, each with what is put there.

    Raises:
        BadPatch: One is no path expression of jq.
    """
    found = []
    for path, value in patch.items():
        try:
            program = jq.compile(path)
        except (jq.JqError, jq.JqSyntaxError) as error:
            raise BadPatch(f'"{path}" is no path: {error}', "a path looks like .order.total") from None
        if not program.is_path:
            raise BadPatch(f'"{path}" is no path into the data', "a path looks like .order.total")
        found.append((program, value))
    return found


def patched(instance: Instance, patch: Mapping[str, Any], budget: jq.Budget) -> list[tuple[Frame, Any]]:
    """The data of every frame of the stopped fiber, with the patch in it.

    Where no fiber is stopped (an event was refused for good), those of all fibers. A frame whose data has no place for
    a path stays as it is: an action may work on a single number.

    Raises:
        BadPatch: A path is none, or none of the frames has a place for it.
    """
    stopped = [fiber for fiber in instance.fibers if fiber.blocked == "fault"] or instance.fibers
    frames = [frame for fiber in stopped for frame in fiber.frames]
    data = [frame.data for frame in frames]
    for program, value in compile_patch(patch):
        # Frames share data with those around them, and go on sharing it.
        made: dict[int, Any] = {}
        failure: object = "it selects nothing"
        for item in data:
            if id(item) not in made:
                try:
                    places = program.paths(item, budget)
                    if places:
                        made[id(item)] = _put(item, places, value)
                except jq.JqError as error:
                    failure = error
        if not made:
            raise BadPatch(f'there is no place for "{program.source}" in the data: {failure}')
        data = [made.get(id(item), item) for item in data]
    return list(zip(frames, data, strict=True))


def put(data: Any, patch: Mapping[str, Any], budget: jq.Budget) -> Any:
    """The data with a patch in it.

    Raises:
        BadPatch: A path is none, or there is no place for it.
    """
    for program, value in compile_patch(patch):
        try:
            data = _put(data, program.paths(data, budget), value)
        except jq.JqError as error:
            raise BadPatch(f'there is no place for "{program.source}" in the data: {error}') from None
    return data


def patch(burst: Burst, changes: Mapping[str, Any]) -> None:
    """Put values into the data of the stopped fiber.

    Raises:
        BadPatch: See `patched`; nothing has changed.
    """
    for frame, data in patched(burst.instance, changes, jq.Budget(burst.limits.fuel, now=burst.now)):
        frame.data = data


def _put(data: Any, paths: Sequence[Sequence[str | int]], value: Any) -> Any:
    for path in paths:
        data = jq.setpath(data, path, value)
    return data
