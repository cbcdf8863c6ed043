"""The rules of the broker, without a broker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenweave.cloudevents import check
from evenweave.ports.broker import Refused
from evenweave.runtime.backoff import Backoff
from evenweave.runtime.cursor import Cursor, decode_missing
from evenweave.runtime.deadletters import clean_reason, make_dead_letter, read_dead_letter
from evenweave.runtime.group import Group
from evenweave.runtime.retention import Retention
from evenweave.runtime.rules import Rules, check_name


def test_backoff_doubles_up_to_its_cap_with_jitter() -> None:
    """0.2 s, 0.4 s, ... 30 s; jitter shortens by a quarter at most."""
    backoff = Backoff()
    assert [backoff.delay_s(failures, 0.0) for failures in (1, 2, 3, 8, 9, 100_000)] == [0.2, 0.4, 0.8, 25.6, 30, 30]
    assert backoff.delay_s(9, 0.999) == pytest.approx(22.5, abs=0.01)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_a_cursor_survives_its_encoding_whatever_the_order(steps: list[tuple[bool, int]]) -> None:
    """Stored and loaded at any moment, a cursor still lacks exactly what was not acknowledged."""
    cursor, handed, acknowledged = Cursor("a", 0), list[int](), set[int]()
    for hand_out, index in steps:
        if hand_out:
            handed.append(3 * len(handed) + 2)
            cursor.hand_out(handed[-1])
        elif handed:
            position = handed[index % len(handed)]
            cursor.handed.discard(position)
            acknowledged.add(position)
    again = Cursor("a", cursor.floor, cursor.reach, decode_missing(cursor.missing()))
    assert again.handed == set(handed) - acknowledged
    assert again.reach == (handed[-1] if handed else 0)
    assert all(position in acknowledged for position in handed if position <= again.floor)


def test_a_group_gives_what_was_in_hand_before_a_restart_first() -> None:
    """A loaded cursor's missing positions are due at once, in order."""
    group = Group("id", "shop", "share")
    group.add(Cursor("a", 4, 9, [7, 5]))
    assert group.take_due(0.0, 10) == [("a", 5), ("a", 7)]
    assert group.take_due(0.0, 10) == []


def test_a_lease_expires_once_and_only_the_current_one() -> None:
    """A lease that was renewed by another delivery, or settled, does not expire any more."""
    group = Group("id", "shop", "share")
    cursor = Cursor("a", 0)
    group.add(cursor)
    for position in (1, 2):
        cursor.hand_out(position)
        group.lease("log", "a", position, now_s=0.0, length_s=5.0)
    group.acknowledge(cursor, 2)
    assert group.next_due_s() == 5.0
    [expired] = group.take_expired(5.0)
    assert (expired.position, expired.token) == (1, "log.1.1")
    group.fail(expired)
    group.wait("a", 1, 6.0)
    assert group.take_expired(99.0) == []
    assert group.take_due(5.5, 10) == []
    assert group.take_due(6.0, 10) == [("a", 1)]
    assert group.failures == {1: 1}


def test_a_failed_commit_restores_leases_and_counts() -> None:
    """What was settled in a commit that failed is in the same hands as before; an expired lease comes again."""
    group = Group("id", "shop", "share")
    cursor = Cursor("a", 0)
    group.add(cursor)
    for position, length_s in ((1, 5.0), (2, 1.0)):
        cursor.hand_out(position)
        group.lease("log", "a", position, now_s=0.0, length_s=length_s)
    first, second = group.held(1), group.held(2)
    assert first is not None
    assert second is not None
    undos = [group.fail(first), group.fail(second)]
    group.wait("a", 1, 9.0)
    group.acknowledge(cursor, 2)
    group.restore(undos, now_s=2.0)
    assert cursor.handed == {1, 2}
    assert group.failures == {}
    assert group.held(1) == first
    assert group.take_due(2.0, 10) == [("a", 2)]


def test_removing_a_channel_forgets_what_was_in_hand() -> None:
    """A channel that is taken away leaves nothing that could come again."""
    group = Group("id", "shop", "share")
    group.add(Cursor("a", 0, 9, [5, 7]))
    group.failures[5] = 2
    group.remove("a")
    group.remove("a")
    assert group.take_due(99.0, 10) == []
    assert group.failures == {}
    assert group.find(5) is None


@pytest.mark.parametrize(
    ("reason", "cleaned"),
    [
        ("", "no reason was given"),
        ("\x00\n", "no reason was given"),
        ("line one\n  line\ttwo", "line one line two"),
        ("x" * 2_000, "x" * 999 + "\u2026"),
        ("\ud800 lone", "lone"),
    ],
)
def test_a_reason_is_made_fit_for_an_attribute(reason: str, cleaned: str) -> None:
    """Whatever a handler raises, its reason is a valid attribute."""
    assert clean_reason(reason) == cleaned
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": 1}
    letter = make_dead_letter(event, "a", "shop", reason, 5)
    check(letter)
    assert event == {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": 1}
    read = read_dead_letter("7", 1_000, letter)
    assert (read.reason, read.channel, read.group, read.attempts) == (cleaned, "a", "shop", 5)


def test_dead_letters_are_retained_longer() -> None:
    """An hour for events, thirty days for dead letters."""
    rules = Rules()
    assert (rules.retained_s("order"), rules.retained_s("dead-letter/order")) == (3_600, 2_592_000)


@given(st.lists(st.tuples(st.integers(1, 1_200), st.integers(-20_000, 20_000)), max_size=40))
def test_no_row_goes_before_its_time_however_the_clock_jumps(steps: list[tuple[int, int]]) -> None:
    """Between two looks time passes and the clock is put somewhere else; a row that goes is an hour old in truth."""
    passed_s, now_ms = 0.0, 1_000_000_000
    retention = Retention(Rules(), now_ms, passed_s)
    rows: list[tuple[float, int]] = []
    for seconds, jump_s in steps:
        rows.append((passed_s, now_ms))
        passed_s += seconds
        now_ms += seconds * 1000 + (jump_s * 1000 if abs(jump_s) > 1 else 0)
        before_ms = retention.before_ms("a", now_ms, passed_s)
        assert all(passed_s - row_s >= 3_600 for row_s, row_ms in rows if row_ms < before_ms)


def test_a_clock_that_stands_right_lets_rows_go_in_time() -> None:
    """Without jumps a row goes after its hour; after a jump the next ones do again."""
    retention = Retention(Rules(), 0, 0.0)
    assert retention.before_ms("a", 4_000_000, 4_000.0) == 400_000
    assert retention.before_ms("a", 24_000_000, 4_010.0) < 4_000_000
    assert retention.before_ms("a", 24_000_000 + 3_601_000, 4_010.0 + 3_601) == 24_001_000


@pytest.mark.parametrize("name", ["", None, 1, "x" * 256, "a\x00b", "a\nb"])
def test_a_name_that_is_not_usable_is_refused(name: object) -> None:
    """A name is a printable string of at most 255 characters."""
    with pytest.raises(Refused, match="name of a channel"):
        check_name("channel", name)
    assert check_name("channel", "order/in bound \u20ac") == "order/in bound \u20ac"
