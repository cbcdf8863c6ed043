"""Merging, correlation keys and the life cycle: the small parts of the engine."""

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenweave.engine import Status, correlate, life
from evenweave.engine.merge import changes, join, merge, same
from evenweave.engine.nodes.emit import attribute, stamp
from evenweave.plan.nodes import Correlate, EventMatch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@pytest.mark.parametrize(
    ("into", "value", "merged"),
    [
        (
            {"customer": {"name": "John", "zip": "1"}},
            {"customer": {"zip": "5"}},
            {"customer": {"name": "John", "zip": "5"}},
        ),
        (
            {"c": [{"n": "Michael"}]},
            {"c": [{"n": "John"}, {"n": "Jane"}]},
            {"c": [{"n": "Michael"}, {"n": "John"}, {"n": "Jane"}]},
        ),
        ({"c": [1, {"a": 1}]}, {"c": [1.0, True, {"a": 1.0}, 2]}, {"c": [1, {"a": 1}, True, 2]}),
        ({"age": 20}, {"age": 30}, {"age": 30}),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        (1, {"a": 1}, {"a": 1}),
    ],
)
def test_merge_follows_the_specification(into: Any, value: Any, merged: Any) -> None:
    """Objects deeply, arrays to unique elements, everything else by the new value (0.8, "Data Merging")."""
    assert same(merge(into, value), merged)


@given(JSON, JSON)
def test_merge_changes_nothing_in_place(into: Any, value: Any) -> None:
    """Both arguments stay as they are, and what is merged again changes nothing."""
    before = repr(into), repr(value)
    merged = merge(into, value)
    assert (repr(into), repr(value)) == before
    assert same(merge(merged, value), merged)


@given(OBJECTS, OBJECTS)
def test_join_has_what_one_branch_made(before: dict[str, Any], value: dict[str, Any]) -> None:
    """One branch that merged something into its data, beside one that did nothing, gives what the branch had."""
    made = merge(before, value)
    assert same(join(before, [before, made, before]), made)


def test_join_does_not_undo_what_a_neighbour_did() -> None:
    """A branch that left a value alone does not bring the old one back."""
    before = {"a": 1, "b": {"x": 1, "y": 1}, "l": [1]}
    assert join(before, [{**before, "a": 2}, {**before, "b": {"x": 1, "y": 2}}, {**before, "l": [1, 2]}]) == {
        "a": 2,
        "b": {"x": 1, "y": 2},
        "l": [1, 2],
    }
    assert changes(before, before) == {}


def test_same_is_equality_of_json() -> None:
    """True is not 1, 1 is 1.0, and order counts in arrays only."""
    assert not same(True, 1)
    assert not same({"a": [0]}, {"a": [False]})
    assert same({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0})
    assert not same([1, 2], [2, 1])


def test_key_is_canonical() -> None:
    """Names are sorted, and a number is what its text is (CloudEvents 1.0, section 3.1)."""
    assert correlate.key({"b": 7, "a": True}) == correlate.key({"a": "true", "b": "7"}) == '[["a","true"],["b","7"]]'
    assert correlate.key({"a": 7.0}) == correlate.key({"a": "7"})
    assert correlate.key({}) == ""


@pytest.mark.parametrize(
    ("source", "found", "fits"),
    [
        ("/home/rooms/+", "/home/rooms/kitchen", True),
        ("/home/rooms/+", "/home/rooms/kitchen/sink", False),
        ("/home/#", "/home/rooms/kitchen", True),
        ("/home/#/x", "/home/rooms/x", False),
        ("/home", "/home", True),
        ("/home", "/homes", False),
        (None, "/any", True),
    ],
)
def test_source_may_hold_wildcards(source: str | None, found: str, fits: bool) -> None:
    """`+` stands for one segment and `#` for all that follow, as in the specification's example."""
    match = EventMatch("e", "c", None, source)
    assert correlate.fits(match, "c", {"source": found}) is fits
    assert not correlate.fits(match, "other", {"source": found})


@pytest.mark.parametrize(
    ("event", "echo"),
    [
        ({"id": "x", "workflowtaskinstanceid": "i1:7"}, ("i1", 7)),
        ({"id": "x", "workflowtaskinstanceid": "a:b:7"}, ("a:b", 7)),
        ({"id": "x", "workflowtaskinstanceid": "rubbish"}, ("", 0)),
        ({"id": "x", "workflowtaskinstanceid": "i1:٣"}, ("", 0)),
        ({"id": "i1:9", "workflowtaskinstanceid": "i1:7"}, None),
        ({"id": "x"}, None),
    ],
)
def test_echo_names_an_activation(event: dict[str, Any], echo: Any) -> None:
    """An event echoes an instance's activation, nothing, or rubbish; a trigger is no echo of itself."""
    assert correlate.echo(event) == echo


def test_location_leads_into_the_event() -> None:
    """AsyncAPI locations go through objects and arrays; what is not there is absent, not null."""
    event = {"data": {"orders": [{"id": None}]}}
    rule = Correlate("correlationid", ("data", "orders", "0", "id"))
    assert correlate.values([rule], event) == {"correlationid": None}
    assert correlate.values([Correlate("correlationid", ("data", "orders", "1", "id"))], event) is None


def test_attributes_are_what_cloudevents_allows() -> None:
    """Text, booleans and whole numbers of 32 bits stay; everything else becomes text."""
    values = ["a", True, 7, 2**31, 1.5, {"a": [1]}]
    assert [attribute(value) for value in values] == ["a", True, 7, "2147483648", "1.5", '{"a":[1]}']
    assert stamp(0.0) == "1970-01-01T00:00:00.000000Z"
    assert stamp(1_800_000_000.25) == "2027-01-15T08:00:00.250000Z"


def test_life_cycle_can_be_cancelled_from_any_status_but_the_last() -> None:
    """Every status that is not final can be cancelled; final ones take no turn."""
    for status in get_args(Status):
        final = status in {"completed", "cancelled"}
        assert life.allows(status, "cancel") is not final
        if final:
            assert not any(before == status for before, _ in life.LIFE)


def test_life_cycle_table_names_known_words_only() -> None:
    """The table speaks of statuses and turns that exist, and every turn is in it."""
    statuses, turns = set(get_args(Status)), set(get_args(life.Turn))
    assert {status for status, _ in life.LIFE} | set(life.LIFE.values()) == statuses
    assert {turn for _, turn in life.LIFE} == turns
    with pytest.raises(life.NotAllowed, match="an instance that is faulted cannot resume"):
        life.after("faulted", "resume")


def test_life_cycle_is_drawn_as_the_docs_show_it() -> None:
    """The diagram in docs/engine.md is the table."""
    page = (Path(__file__).parents[2] / "docs" / "engine.md").read_text()
    assert f"```mermaid\n{life.draw()}```\n" in page
