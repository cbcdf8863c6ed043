"""The explicit stack on which recursive functions run, so that recursion costs memory instead of Python frames.

A *deep* code, called as ``run(item, env)``, returns an iterator of its outputs, or a :class:`Jump` to another deep code
that does the same (which makes tail calls free). If the iterator is a generator, it may also yield requests:

- a :class:`Frame`: run it to its next output and send me that, or ``END`` after the last;
- a :class:`Delegate`: pass all its outputs on as mine, then resume me;
- a :class:`Tail`: pass all its outputs on as mine, and never mind me any more.

An error is thrown into the generator that waits for the frame in which it happened.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenweave.jq.codes import Break
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import Budget, out_of_fuel

if TYPE_CHECKING:
    from evenweave.jq.codes import Cell, Env

STEP_FUEL: Final = 2
"""What one step of the machine takes: it costs about twice as much as one step of a direct loop."""

FRAME_FUEL: Final = 14
"""What a new frame takes besides: a stack of many of them also costs memory."""

DELEGATE_FUEL: Final = 16
"""What a delegation takes besides."""


Steps: TypeAlias = Generator[Any, Any, None]
"""What a deep code that makes requests returns."""


class End:
    """The type of :data:`END`."""

    __slots__ = ()


END: Final = End()
"""What a generator receives for a frame that has no more outputs."""


class Jump:
    """A deep code that is still to be called."""

    __slots__ = ("cell", "env", "item")

    def __init__(self, cell: Cell, item: Any, env: Env) -> None:
        self.cell = cell
        self.item = item
        self.env = env


class Delegate:
    """A request to pass on all outputs of what a deep code returned."""

    __slots__ = ("source",)

    def __init__(self, source: Any) -> None:
        self.source = source


class Tail:
    """A request to go on as what another deep code returned."""

    __slots__ = ("source",)

    def __init__(self, source: Any) -> None:
        self.source = source


class Frame(list[Any]):
    """Something that runs: the iterator at the end gives the outputs, those before it delegated to it.

    It is a list of its own, not an object with a list, because a deep recursion keeps one for each level.
    """

    __slots__ = ()

    def __init__(self, source: Any) -> None:
        self.append(source)


def drive(source: Any, budget: Budget) -> Iterator[Any]:
    """The outputs of what a deep code returned."""
    root = Frame(source)
    # Every frame that still runs, by age: what is abandoned is closed youngest first, never by nested destructors.
    living: dict[int, Frame] = {id(root): root}
    try:
        yield from _run(root, living, budget)
    finally:
        while living:
            _, frame = living.popitem()
            while frame:
                top = frame.pop()
                if hasattr(top, "close"):
                    top.close()


def _run(root: Frame, living: dict[int, Frame], budget: Budget) -> Iterator[Any]:
    waiting: list[Frame] = [root]
    # What the next step sends to the generator that waits, as a tuple of one, or throws into it.
    reply: tuple[Any] | None = None
    error: BaseException | None = None
    while True:
        frame = waiting[-1]
        if not frame:
            # The frame is finished, or an error left it: tell who waits for it.
            waiting.pop()
            living.pop(id(frame), None)
            if not waiting:
                if error is not None:
                    raise error
                return
            if error is None:
                reply = _END
            continue
        budget.left -= STEP_FUEL
        if budget.left < 0:
            raise out_of_fuel()
        top = frame[-1]
        try:
            if error is not None:
                thrown, error = error, None
                output = _throw(top, thrown)
            elif reply is not None:
                answer, reply = reply, None
                output = top.send(answer[0])
            elif type(top) is Jump:
                frame[-1] = top.cell.run(top.item, top.env)
                continue
            else:
                output = next(top)
        except StopIteration:
            frame.pop()
            continue
        except JqLimitError:
            raise
        except (JqError, Break) as caught:
            frame.pop()
            error = caught.with_traceback(None)
            continue
        kind = type(output)
        if kind is Frame:
            waiting.append(output)
            if id(output) not in living:
                living[id(output)] = output
                budget.left -= FRAME_FUEL
        elif kind is Delegate:
            frame.append(output.source)
            budget.left -= DELEGATE_FUEL
        elif kind is Tail:
            frame[-1] = output.source
        else:
            waiting.pop()
            if waiting:
                reply = (output,)
            else:
                waiting.append(root)
                yield output


_END: Final = (END,)


def _throw(top: Any, error: BaseException) -> Any:
    if hasattr(top, "throw"):
        return top.throw(error)
    raise error
