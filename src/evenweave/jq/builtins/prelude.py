"""Functions defined in the language itself."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from evenweave.jq.parser import parse_definitions

if TYPE_CHECKING:
    from evenweave.jq import syntax

_SOURCE: Final = r"""
def map(f): [.[] | f];
def select(f): if f then . else empty end;
def recurse: recurse(.[]?);
def recurse(f): def deeper: ., (f | deeper); deeper;
def recurse(f; condition): def deeper: ., (f | select(condition) | deeper); deeper;
def while(condition; update): def loop: if condition then ., (update | loop) else empty end; loop;
def until(condition; update): def loop: if condition then . else update | loop end; loop;
def repeat(f): def loop: f, loop; loop;
def first: .[0];
def last: .[-1];
def nth($at): .[$at];
def first(f): label $done | (f | ., break $done);
def isempty(f): first((f | false), true);
def last(f): reduce f as $each ([]; [$each]) | _each;
def nth($at; f):
  if $at < 0 then error("nth doesn't support negative indices") else first(skip($at; f)) end;
def any: any(.[]; .);
def all: all(.[]; .);
def any(condition): any(.[]; condition);
def all(condition): all(.[]; condition);
def any(f; condition): first((f | condition | select(.) | true), false);
def all(f; condition): first((f | condition | select(. | not) | false), true);
def add(f): reduce f as $each (null; . + $each);
def map_values(f): .[] |= f;
def with_entries(f): to_entries | map(f) | from_entries;
def del(f): delpaths([path(f)]);
def paths: path(..) | select(. != []);
def paths(condition): path(.. | select(condition)) | select(. != []);
def pick(f): . as $whole | reduce path(f) as $path (null; setpath($path; $whole | getpath($path)));
def walk(f):
  def deeper: if type == "object" then map_values(deeper) elif type == "array" then map(deeper) else . end | f;
  deeper;
def sort_by(f): _sort_by(map([f]));
def group_by(f): _group_by(map([f]));
def unique_by(f): [group_by(f)[] | .[0]];
def min_by(f): _min_by(map([f]));
def max_by(f): _max_by(map([f]));
def indices($part):
  if type == "array" and ($part | type) == "array" then .[$part]
  elif type == "array" then .[[$part]]
  elif type == "string" and ($part | type) == "string" then _strindices($part)
  else .[$part] end;
def index($part): indices($part) | .[0];
def rindex($part): indices($part) | .[-1:][0];
def abs: if . < 0 then -. else . end;
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type == "array" or type == "object" | not);
def in(where): . as $key | where | has($key);
def inside(where): . as $part | where | contains($part);
def combinations:
  if length == 0 then [] else .[0][] as $each | .[1:] | combinations | [$each] + . end;
def combinations($count): . as $set | [range($count)] | map($set) | combinations;
def INDEX(f; key): reduce f as $row ({}; .[$row | key | tostring] |= $row);
def INDEX(key): INDEX(.[]; key);
def IN(f): any(f == .; .);
def IN(f; where): any(f == where; .);
def JOIN($index; key): [.[] | [., $index[key]]];
def JOIN($index; f; key): f | [., $index[key]];
def JOIN($index; f; key; joined): f | [., $index[key]] | joined;
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def todateiso8601: todate;
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
def tostream: path(def all: (.[]? | all), .; all) as $path | getpath($path)
  | reduce path(.[]?) as $last ([$path, .]; [$path + $last]);
def fromstream(f): {whole: null, done: false} as $start
  | foreach f as $event ($start;
      if .done then $start else . end
      | if $event | length == 2
        then setpath(["done"]; $event[0] | length == 0) | setpath(["whole"] + $event[0]; $event[1])
        else setpath(["done"]; $event[0] | length == 1) end;
      if .done then .whole else empty end);
def truncate_stream(f): . as $depth | null | f | . as $event
  | if ($event[0] | length) > $depth then setpath([0]; $event[0][$depth:]) else empty end;
def sub($pattern; replacement): sub($pattern; replacement; "");
def sub($pattern; replacement; $flags): . as $text
  | (reduce match($pattern; $flags) as $edit ({made: [], done: 0};
      $text[.done:$edit.offset] as $gap
      | [$edit | _captured | replacement] as $inserts
      | reduce range($inserts | length) as $at (.; .made[$at] += $gap + $inserts[$at])
      | .done = $edit.offset + $edit.length)
    | .done as $done | .made[] + $text[$done:]) // $text;
def gsub($pattern; replacement): sub($pattern; replacement; "g");
def gsub($pattern; replacement; $flags): sub($pattern; replacement; "g" + $flags);
"""


@cache
def _functions() -> dict[tuple[str, int], syntax.Function]:
    return {(function.name, len(function.parameters)): function for function in parse_definitions(_SOURCE)}


_HEAD: Final = re.compile(r"^def (\w+)(?:\(([^)]*)\))?:", re.MULTILINE)

PRELUDE_NAMES: Final = frozenset(
    (match[1], match[2].count(";") + 1 if match[2] is not None else 0) for match in _HEAD.finditer(_SOURCE)
)
"""Name and number of parameters of each function that is defined in the language."""


def prelude_function(name: str, arity: int) -> syntax.Function:
    """The definition of one of :data:`PRELUDE_NAMES`."""
    return _functions()[name, arity]
