"""What requests about instances say: which ones are meant, and what is to be done with them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from evenweave.engine.instance import Status
from evenweave.http.documents import whole_number
from evenweave.http.problem import Problem
from evenweave.ports.store import Which
from evenweave.worker.repair import Repair, Verb

if TYPE_CHECKING:
    from starlette.requests import Request

STATUSES = get_args(Status)
VERBS = get_args(Verb)
PAGE, PAGE_MOST = 100, 1000
_FILTERS = ("status", "definition", "version", "since", "until")
_TRUE = {"1", "true"}


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a command.

    Attributes:
        reason: Why it is given.
        set: For ``retry`` and ``skip``: what to put into the data first, by jq path.
        migrate: Move to another version first.
        to: The version to move to.
        ids: Of a command for many: which ones, where no filter says so.
    """

    reason: str = ""
    set: dict[str, Any] = {}
    migrate: bool = False
    to: str | None = None
    ids: list[str] | None = None


class Fork(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a fork.

    Attributes:
        at: The name or the reference of the state where the new instance begins.
        set: What to put into its data first, by jq path.
        to: The version that it runs; ``None`` is that of the old one.
        command: The id of this command: the same one forks only once.
    """

    at: str
    set: dict[str, Any] = {}
    to: str | None = None
    command: str | None = None


def decode(body: bytes, kind: Any) -> Any:
    """The body of a request, as JSON of this kind.

    Raises:
        Problem: It is something else.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not what is asked for here: {error}") from None


def read_order(verb: str, body: bytes, *, many: bool = False) -> tuple[Repair, list[str] | None]:
    """What a command asks for, and of which instances.

    Raises:
        Problem: There is no such command, or the body is none of it.
    """
    if verb not in VERBS:
        raise Problem(404, f'an instance cannot be asked to "{verb}"; it can {", ".join(VERBS)}')
    order = decode(body, Order) if body else Order()
    if order.set and verb not in {"retry", "skip"}:
        raise Problem(400, f'"set" belongs to retry and skip, not to {verb}')
    if (order.migrate or order.to is not None) and verb not in {"retry", "skip", "migrate"}:
        raise Problem(400, f'"migrate" and "to" belong to retry, skip and migrate, not to {verb}')
    if order.ids is not None and not many:
        raise Problem(400, '"ids" belongs to a command for many instances')
    repair = Repair(verb, order.reason, order.set, order.migrate or order.to is not None, order.to)  # type: ignore[arg-type]
    return repair, order.ids


def read_which(request: Request) -> Which:
    """Which instances a query means.

    Raises:
        Problem: There is no such status, or a time is none.
    """
    query = request.query_params
    status = query.get("status", "")
    if status and status not in STATUSES:
        raise Problem(400, f'there is no status "{status[:40]}"; there are {", ".join(STATUSES)}')
    return Which(
        status=status,
        definition=query.get("definition", ""),
        version=query.get("version", ""),
        since=_time(request, "since", 0.0),
        until=_time(request, "until", 1e300),
    )


def read_meant(request: Request, repair: Repair) -> Which:
    """Which instances a command for many means.

    Raises:
        Problem: Neither a filter nor ``all=true`` says so: nobody should command all instances by mistake.
    """
    query = request.query_params
    if not any(query.get(name) for name in _FILTERS) and query.get("all") not in _TRUE:
        raise Problem(400, f'say which ones: {", ".join(_FILTERS)}, or all=true; or "ids" in the body')
    which = read_which(request)
    return msgspec.structs.replace(which, status=which.status or repair.default.status, live=not which.status)


def read_keys(request: Request) -> tuple[str, dict[str, str]]:
    """The canonical correlation key of a query, or the values that are looked for.

    Raises:
        Problem: A key is neither.
    """
    keys = [key for key in request.query_params.getlist("key") if key]
    if len(keys) == 1 and keys[0].startswith("["):
        return keys[0], {}
    wanted = {}
    for key in keys:
        name, equal, value = key.partition("=")
        if not equal or not name.strip("."):
            raise Problem(400, f"key: {key[:40]!r} is no NAME=VALUE, such as order.id=o1")
        wanted[name] = value
    return "", wanted


def read_page(request: Request, most: int = PAGE_MOST, default: int = PAGE) -> tuple[int, int]:
    """Behind which number a page begins, and how many are on it.

    Raises:
        Problem: One is no number.
    """
    return whole_number(request, "after", 0, 2**63 - 1), max(whole_number(request, "max", default, most), 1)


def _time(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        pass
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Problem(400, f"{name}: {text[:40]!r} is no time such as 2026-11-23T08:00:00Z") from None
    return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp()
