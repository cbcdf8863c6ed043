"""Writing all rows of a transaction with one call into SQLite.

Each call into SQLite lets go of the interpreter and has to get it back. Beside a loop that computes, that takes as
long as the interpreter's switch interval and a wake-up, many times what writing a row takes, and the loop pays for it
too. So the statements that come again and again are made triggers of one view, and a transaction's rows are one insert
into it: one call, a transaction by itself, in which the other threads have the interpreter to themselves.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import apsw

from evenweave.adapters.sqlite.unit import Unit

WIDTH = 12
"""How many parameters a statement of the funnel may have."""

KINDS = 8
"""How many statements the funnel takes: each looks at each row."""

LEARNS_AFTER = 8
"""In how many transactions a statement is met before it becomes one of them."""

# Of so many rows an insert is prepared; the rest of it are rows of no kind. SQLite takes 32,766 parameters.
_SIZES = (4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048)
_TOKENS = re.compile(r"'(?:[^']|'')*'|\?(\d*)")
_CHANGES = re.compile(r"\s*(?:insert|update|delete)\b", re.IGNORECASE)
_COLUMNS = tuple(f"c{number}" for number in range(1, WIDTH + 1))
_VIEW = f"create temp view funnel (kind, {', '.join(_COLUMNS)}) as select null{', null' * WIDTH}"
_INSERT = "insert into funnel values"
_ROW = f"({', '.join('?' * (WIDTH + 1))})"

Kind = tuple[int, int, tuple[None, ...]]
"""The number of a statement, how many parameters it has, and what fills its rows up."""


class Funnel:
    """A connection that writes, and the statements that have become triggers on it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._kinds: dict[str, Kind] = {}
        self._met: dict[str, int] = {}
        self._inserts: dict[int, str] = {}
        connection.execute(_VIEW)

    def fill(self, unit: Unit) -> None:
        """Make the rows of a sealed unit ready, where the funnel takes all its statements; on any thread."""
        values: list[object] = []
        kinds = self._kinds
        for sql, rows in unit.statements.items():
            kind = kinds.get(sql)
            if kind is None:
                return
            number, count, filling = kind
            for row in rows:
                if len(row) != count:
                    return
                values.append(number)
                values += row
                values += filling
        unit.values = values

    def write(self, units: Sequence[Unit]) -> bool:
        """Commit the units' rows, in order, by one statement; whether it could.

        Where not, nothing was written. Raises what SQLite raises; nothing was written then, either.
        """
        values: list[object] = []
        for unit in units:
            if unit.values is None:
                self._meet(units)
                return False
            values += unit.values
        rows = len(values) // (WIDTH + 1)
        index = bisect_left(_SIZES, rows)
        if index == len(_SIZES) or not rows:
            return False
        size = _SIZES[index]
        values += [None] * ((size - rows) * (WIDTH + 1))
        insert = self._inserts.get(size)
        if insert is None:
            insert = self._inserts[size] = f"{_INSERT} {', '.join([_ROW] * size)}"
        self.connection.execute(insert, values)
        return True

    def _meet(self, units: Sequence[Unit]) -> None:
        """Count the statements that the funnel does not take, and take those that come often."""
        for sql in {sql for unit in units if not unit.alone for sql in unit.statements} - self._kinds.keys():
            times = self._met[sql] = self._met.get(sql, 0) + 1
            if times == LEARNS_AFTER and len(self._kinds) < KINDS:
                self._learn(sql)

    def _learn(self, sql: str) -> None:
        numbers = number_parameters(sql)
        count = max(numbers, default=0)
        if not _CHANGES.match(sql) or not 0 < count <= WIDTH:
            return
        following = iter(numbers)
        body = _TOKENS.sub(lambda found: found[0] if found[0][0] == "'" else f"new.c{next(following)}", sql)
        number = len(self._kinds) + 1
        head = f"create temp trigger funnel_{number} instead of insert on funnel when new.kind = {number}"
        try:
            self.connection.execute(f"{head} begin {body}; end")
            # What its body names is looked for only now.
            self.connection.execute(f"explain {_INSERT} {_ROW}", (None,) * (WIDTH + 1)).fetchall()
        except apsw.SQLError:
            self.connection.execute(f"drop trigger if exists funnel_{number}")
            return  # no statement for a trigger: it is run by itself
        self._kinds[sql] = number, count, (None,) * (WIDTH - count)


def number_parameters(sql: str) -> list[int]:
    """Of each parameter in the statement which one it is: ``?4`` the fourth, ``?`` the one after the highest so far."""
    written = [found[1] for found in _TOKENS.finditer(sql) if found[0][0] == "?"]
    highest = list(accumulate(written, lambda high, one: max(high, int(one)) if one else high + 1, initial=0))
    return [int(one) if one else high for one, high in zip(written, highest[1:], strict=True)]
