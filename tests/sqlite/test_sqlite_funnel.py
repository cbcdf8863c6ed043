"""All rows of a transaction by one statement: the same as statement by statement, or nothing."""

import random
from pathlib import Path

import apsw
import pytest

from evenweave.adapters.sqlite.connections import connect
from evenweave.adapters.sqlite.funnel import KINDS, LEARNS_AFTER, WIDTH, Funnel, number_parameters
from evenweave.adapters.sqlite.unit import Unit
from evenweave.adapters.sqlite.writer import commit
from evenweave.runtime.figures import Commits

SCHEMA = """
create table notes (sequence integer primary key autoincrement, id text not null unique, body blob, weight real);
create table log (at integer primary key, what text check (what <> 'refused'));
"""
UPSERT = """insert into notes (id, body, weight) values (?, ?, ?)
on conflict (id) do update set body = excluded.body, weight = excluded.weight"""
LOG = "insert into log (at, what) values (?, ?)"
UPDATE = "update notes set weight = ?2 + length('a ? and ''?7''') where id = ?1"
DELETE = "delete from notes where id = ?"
STATEMENTS = (UPSERT, LOG, UPDATE, DELETE)


def _open(path: Path) -> Funnel:
    connection = connect(str(path))
    connection.execute(SCHEMA)
    return Funnel(connection)


def _commit(funnel: Funnel, *units: Unit) -> tuple[int, Exception | None]:
    for unit in units:
        funnel.fill(unit)
    return commit(funnel, "notes.db", units, Commits())


def _unit(*statements: tuple[str, list[tuple[object, ...]]]) -> Unit:
    unit = Unit()
    for sql, rows in statements:
        for row in rows:
            unit.add(sql, row)
    return unit


def _learned(path: Path, *statements: str) -> Funnel:
    """A funnel that takes these statements, and has written nothing."""
    funnel = _open(path)
    for _ in range(LEARNS_AFTER):
        for sql in statements:
            unit = Unit()
            unit.statements[sql] = []
            funnel.fill(unit)
            funnel.write([unit])
    return funnel


def _content(funnel: Funnel) -> list[list[tuple[object, ...]]]:
    return [funnel.connection.execute(f"select * from {table}").fetchall() for table in ("notes", "log")]


def _random_unit(chance: random.Random, moment: list[int]) -> Unit:
    unit = Unit()
    for _ in range(chance.randrange(1, 30)):
        name = f"n{chance.randrange(20)}"
        match chance.choice(STATEMENTS):
            case sql if sql is UPSERT:
                unit.add(sql, (name, chance.choice([None, b"\0\xff", "text", 7]), chance.random()))
            case sql if sql is LOG:
                moment[0] += 1
                unit.add(sql, (moment[0], chance.choice([None, name])))
            case sql if sql is UPDATE:
                unit.add(sql, (name, chance.randrange(9)))
            case sql:
                unit.add(sql, (name,))
    return unit


@pytest.mark.parametrize("seed", range(12))
def test_it_leaves_what_the_statements_leave_one_by_one(tmp_path: Path, seed: int) -> None:
    """The tables are the same as where each statement is run by itself, in order."""
    funnel, plain = _learned(tmp_path / "funnel.db", *STATEMENTS), _open(tmp_path / "plain.db")
    chance, moment = random.Random(seed), [0]
    for _ in range(20):
        units = [_random_unit(chance, moment) for _ in range(chance.randrange(1, 8))]
        assert _commit(funnel, *units) == (len(units), None)
        assert all(unit.values is not None for unit in units), "the funnel took them"
        for unit in units:
            for sql, rows in unit.statements.items():
                plain.connection.executemany(sql, rows)
        assert _content(funnel) == _content(plain)


def test_it_is_one_transaction_by_one_call(tmp_path: Path) -> None:
    """SQLite is called once for all rows of all statements."""
    funnel = _learned(tmp_path / "notes.db", UPSERT, LOG)
    calls: list[str] = []
    funnel.connection.set_exec_trace(lambda _cursor, sql, _values: calls.append(sql) or True)
    unit = _unit((UPSERT, [("a", b"1", 1.0), ("b", b"2", 2.0)]), (LOG, [(number, "x") for number in range(99)]))
    assert _commit(funnel, unit) == (1, None)
    assert len(calls) == 1
    assert calls[0].startswith("insert into funnel")
    assert [len(table) for table in _content(funnel)] == [2, 99]


def test_a_refused_row_is_the_fault_of_its_unit_alone(tmp_path: Path) -> None:
    """What came before it is committed; of its own unit nothing is."""
    funnel = _learned(tmp_path / "notes.db", UPSERT, LOG)
    before, guilty, behind = (
        _unit((LOG, [(1, "before")])),
        _unit((UPSERT, [("a", b"", 1.0)]), (LOG, [(2, "guilty"), (3, "refused")])),
        _unit((LOG, [(4, "behind")])),
    )
    committed, error = _commit(funnel, before, guilty, behind)
    assert committed == 1
    assert "CHECK constraint failed" in str(error)
    assert _content(funnel) == [[], [(1, "before")]]


@pytest.mark.parametrize("row", [(1,), (1, "x", "y")])
def test_a_row_of_the_wrong_length_shifts_nothing(tmp_path: Path, row: tuple[object, ...]) -> None:
    """It is refused; no other row gets its values."""
    funnel = _learned(tmp_path / "notes.db", LOG)
    committed, error = _commit(funnel, _unit((LOG, [row, (2, "y")])))
    assert committed == 0
    assert error is not None
    assert _content(funnel) == [[], []]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 2_048, 2_049, 5_000])
def test_any_number_of_rows_goes_in(tmp_path: Path, count: int) -> None:
    """Also more than an insert may have, and numbers between those that are prepared."""
    funnel = _learned(tmp_path / "notes.db", LOG)
    assert _commit(funnel, _unit((LOG, [(number, "x") for number in range(count)]))) == (1, None)
    assert _content(funnel)[1] == [(number, "x") for number in range(count)]


def test_nothing_to_write_is_written(tmp_path: Path) -> None:
    """A unit without rows is committed as well."""
    assert _commit(_learned(tmp_path / "notes.db", LOG), Unit()) == (1, None)


@pytest.mark.parametrize(
    "sql",
    [
        "pragma user_version = 3",
        "with found as (select ? as at) insert into log select at, 'x' from found",
        "insert into log (at, what) select 9, 'x' where 9 = 9",
        f"insert into log (at) values ({' + '.join('?' * (WIDTH + 1))})",
        "insert into nowhere values (?)",
    ],
)
def test_what_is_no_statement_for_it_is_run_by_itself(tmp_path: Path, sql: str) -> None:
    """A trigger cannot hold every statement; the others still go into the funnel."""
    funnel = _learned(tmp_path / "notes.db", sql)
    unit = Unit()
    unit.statements[sql] = []
    funnel.fill(unit)
    assert unit.values is None
    funnel = _learned(tmp_path / "others.db", sql, LOG)
    other = _unit((LOG, [(1, "x")]))
    assert _commit(funnel, other) == (1, None)
    assert other.values is not None


def test_it_takes_no_more_statements_than_it_should(tmp_path: Path) -> None:
    """Those that came too late are run by themselves."""
    many = [f"insert into log (at, what) values (? + {number}, 'x')" for number in range(KINDS + 3)]
    funnel = _learned(tmp_path / "notes.db", *many)
    units = [_unit((sql, [(1,)])) for sql in many]
    assert _commit(funnel, *units) == (len(many), None)
    assert sum(unit.values is not None for unit in units) == KINDS
    assert len(_content(funnel)[1]) == len(many)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The error says so, and once there is room it goes on."""
    funnel = _learned(tmp_path / "notes.db", UPSERT)
    pages = funnel.connection.execute("pragma page_count").fetchall()[0][0]
    funnel.connection.execute(f"pragma max_page_count = {pages + 2}")
    big = _unit((UPSERT, [(f"n{number}", bytes(9_000), 0.0) for number in range(9)]))
    committed, error = _commit(funnel, big)
    assert committed == 0
    assert "disk is full" in str(error)
    assert _content(funnel) == [[], []]
    assert not funnel.connection.in_transaction
    funnel.connection.execute(f"pragma max_page_count = {pages + 99}")
    assert _commit(funnel, _unit((UPSERT, [("a", b"", 0.0)]))) == (1, None)


def test_parameters_are_numbered_as_sqlite_does() -> None:
    """Also where numbers are mixed, and not those inside of text."""
    connection = apsw.Connection(":memory:")
    for sql in (
        "select ?, ?, ?",
        "select ?1, ?1, ?3, ?",
        "select ?, ?, ?4, ?4, ?, '?9 '' ?', ?2",
        "select '?', 'it''s ?5'",
    ):
        numbers = number_parameters(sql)
        values = tuple(range(1, max(numbers, default=0) + 1))
        found = connection.execute(sql, values).fetchall()[0]
        assert [value for value in found if isinstance(value, int)] == numbers
