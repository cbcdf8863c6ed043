-- The log id names this log: a reader whose stored position names another one begins anew (PROTOCOL section 4).
create table broker_logs (
  tenant text not null primary key,
  id     text not null
) strict, without rowid;

-- Positions are one sequence over all channels. The row with the highest one is never trimmed, so that no position
-- comes twice. `dedupe` is a hash of channel, source, id and digest.
create table broker_events (
  position    integer primary key,
  tenant      text not null,
  channel     text not null,
  dedupe      blob not null,
  appended_ms integer not null,
  event       blob not null
) strict;
create unique index broker_events_dedupe on broker_events (tenant, dedupe);
create index broker_events_channel on broker_events (tenant, channel, position);

create table broker_groups (
  tenant     text not null,
  id         text not null,
  name       text not null,
  mode       text not null,
  created_ms integer not null,
  primary key (tenant, id)
) strict, without rowid;

-- Acknowledged: everything up to `floor`, and up to `reach` everything but the positions in `missing`.
create table broker_cursors (
  tenant   text not null,
  group_id text not null,
  channel  text not null,
  floor    integer not null,
  reach    integer not null,
  missing  blob not null,
  primary key (tenant, group_id, channel)
) strict, without rowid;
create index broker_cursors_channel on broker_cursors (tenant, channel, floor);

-- Only deliveries that failed have a row.
create table broker_failures (
  tenant   text not null,
  group_id text not null,
  position integer not null,
  channel  text not null,
  failures integer not null,
  reason   text not null,
  primary key (tenant, group_id, position)
) strict, without rowid;
