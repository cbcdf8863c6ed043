"""One transaction for many: where the store refuses it, whose rows are at fault is found by halving."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from evenweave.ports.store import StoreRefused
from evenweave.worker.blocking import Block

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


async def halve(
    items: Sequence[T],
    move: Callable[[Sequence[T], Block | None], Awaitable[None]],
    *,
    accuse: Callable[[T, StoreRefused], None],
    give_up: Callable[[T], object],
) -> None:
    """Move all in one transaction; where the store refuses its rows, halve until the guilty one stands alone.

    Args:
        items: What is to be moved.
        move: Moves some of it in one transaction; with a block, the instance of the only one is kept from moving.
        accuse: Told of the one whose rows are refused, before its instance is suspended.
        give_up: Told of it where that is refused as well.

    Raises:
        evenweave.ports.store.StoreRefused: Rows of another transaction are at fault.
        evenweave.ports.store.StoreUnavailable: The store cannot write now.
    """
    try:
        await move(items, None)
    except StoreRefused as error:
        if not error.own:
            raise
        if len(items) > 1:
            middle = len(items) // 2
            await halve(items[:middle], move, accuse=accuse, give_up=give_up)
            await halve(items[middle:], move, accuse=accuse, give_up=give_up)
            return
        accuse(items[0], error)
        try:
            await move(items, Block(str(error), suspend=True))
        except StoreRefused as again:
            if not again.own:
                raise
            give_up(items[0])
