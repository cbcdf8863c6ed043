-- The dedupe keys, in runs (docs/design/sqlite.md): each is sorted and written from end to end, where an index of all
-- keys would have a page written for nearly every event. The newest events are in none yet.
create table broker_keys (
  tenant   text not null,
  run      integer not null,
  key      blob not null,
  position integer not null,
  primary key (tenant, run, key)
) strict, without rowid;

-- A run has the keys of the events behind the run before it, up to `last`; of those events `trimmed` are gone. `target`
-- is the run that its keys are being moved to.
create table broker_runs (
  tenant  text not null,
  run     integer not null,
  level   integer not null,
  last    integer not null,
  keys    integer not null,
  trimmed integer not null,
  target  integer,
  primary key (tenant, run)
) strict, without rowid;

insert into broker_runs (tenant, run, level, last, keys, trimmed)
select tenant, 1, 9, max(position), count(*), 0 from broker_events group by tenant;

insert into broker_keys (tenant, run, key, position)
select tenant, 1, dedupe, position from broker_events order by tenant, dedupe;

drop index broker_events_dedupe;
