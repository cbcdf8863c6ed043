-- name: log_id
select id from broker_logs where tenant = ?;

-- name: insert_log
insert into broker_logs (tenant, id) values (?, ?);

-- name: delete_log
delete from broker_logs where tenant = ?;

-- name: last_position
select coalesce(max(position), 0) from broker_events;

-- name: last_position_of_channel
select coalesce(max(position), 0) from broker_events where tenant = ? and channel = ?;

-- name: insert_event
insert into broker_events (position, tenant, channel, dedupe, appended_ms, event) values (?, ?, ?, ?, ?, ?);

-- name: find_duplicate
-- An event that is gone, or was emptied, has no key any more.
select 1 from broker_runs r
cross join broker_keys k on k.tenant = r.tenant and k.run = r.run and k.key = ?2
cross join broker_events e on e.position = k.position and e.dedupe = k.key
where r.tenant = ?1 limit 1;

-- name: find_new_duplicate
select 1 from broker_events where position = ? and dedupe = ?;

-- name: keys
-- In the order of the runs: a key moves only to a run that comes later.
select key, run from broker_keys where tenant = ?1 and (run, key) > (?3, ?2) order by run, key limit ?4;

-- name: new_keys
select dedupe, position from broker_events where tenant = ? and position > ?;

-- name: runs
select run, level, last, keys, trimmed, target from broker_runs where tenant = ? order by last, run;

-- name: insert_run
insert into broker_runs (tenant, run, level, last, keys, trimmed) values (?, ?, ?, ?, ?, ?);

-- name: write_run
insert into broker_keys (tenant, run, key, position)
select tenant, ?2, dedupe, position from broker_events
where tenant = ?1 and position > ?3 and position <= ?4 order by dedupe
on conflict (tenant, run, key) do update set position = max(position, excluded.position);

-- name: count_run
update broker_runs set trimmed = max(0, trimmed - ?3), keys = (select count(*) from broker_keys where tenant = ?1 and run = ?2)
where tenant = ?1 and run = ?2;

-- name: keys_of_run
select keys from broker_runs where tenant = ? and run = ?;

-- name: trimmed
update broker_runs set trimmed = trimmed + ?3 where tenant = ?1 and run = ?2;

-- name: target_run
update broker_runs set target = ?3 where tenant = ?1 and run = ?2;

-- name: move_keys
-- A key came again where its first event is gone: of two positions only the later one can have its event.
insert into broker_keys (tenant, run, key, position)
select tenant, ?3, key, position from broker_keys k where tenant = ?1 and run = ?2 and key >= ?4 and key < ?5
and (not ?6 or exists (select 1 from broker_events e where e.position = k.position and e.dedupe = k.key))
on conflict (tenant, run, key) do update set position = max(position, excluded.position);

-- name: delete_keys
delete from broker_keys where tenant = ? and run = ? and key >= ? and key < ?;

-- name: delete_run
delete from broker_runs where tenant = ? and run = ?;

-- name: delete_empty_run
delete from broker_runs where tenant = ? and run = ? and keys = 0;

-- name: about_how_many
select coalesce((select max(position) from broker_events) - (select min(position) from broker_events) + 1, 0);

-- name: events_of_channel
select position, event from broker_events
where tenant = ? and channel = ? and position > ? and position <= ?
order by position limit ?;

-- name: channel_of_position
select channel from broker_events where position = ? and tenant = ?;

-- name: channels
with recursive found (channel) as (
  select min(channel) from broker_events where tenant = ?1
  union all
  select (select min(channel) from broker_events where tenant = ?1 and channel > found.channel)
  from found where found.channel is not null
)
select channel from found where channel is not null;

-- name: dead_letters
-- The index gives their positions; without the inner query the whole log would be walked through for a few of them.
select position, appended_ms, channel, event from broker_events where position in (
  select position from broker_events indexed by broker_events_channel
  where tenant = ? and channel >= 'dead-letter/' and channel < 'dead-letter0' and position > ? and position <= ?
  order by position limit ?
) order by position;

-- name: dead_letters_of_channel
select position, appended_ms, channel, event from broker_events
where tenant = ? and channel = ? and position > ? and position <= ?
order by position limit ?;

-- name: dead_letter
select position, appended_ms, channel, event from broker_events
where position = ? and tenant = ? and channel >= 'dead-letter/' and channel < 'dead-letter0';

-- name: empty_event
-- The row stays until it is trimmed, without a channel: it may be the one with the highest position.
update broker_events set channel = '', dedupe = randomblob(16), event = x'' where position = ? and tenant = ?;

-- name: lags
-- Of each cursor: what lies behind its floor, less what is acknowledged there already, and the oldest of it.
select g.name, c.channel, c.missing,
  (select count(*) from (
    select 1 from broker_events e where e.tenant = c.tenant and e.channel = c.channel and e.position > c.reach
    limit 1000000)),
  (select e.appended_ms from broker_events e
   where e.tenant = c.tenant and e.channel = c.channel and e.position > c.floor order by e.position limit 1)
from broker_cursors c join broker_groups g on g.tenant = c.tenant and g.id = c.group_id
where c.tenant = ?;

-- name: count_dead_letters
select channel, count(*) from broker_events
where tenant = ? and channel >= 'dead-letter/' and channel < 'dead-letter0'
group by channel;

-- name: insert_group
insert into broker_groups (tenant, id, name, mode, created_ms) values (?, ?, ?, ?, ?) on conflict do nothing;

-- name: groups
select id, name, mode from broker_groups where tenant = ?;

-- name: group
select name, mode from broker_groups where tenant = ? and id = ?;

-- name: delete_group
delete from broker_groups where tenant = ? and id = ?;

-- name: insert_cursor
insert into broker_cursors (tenant, group_id, channel, floor, reach, missing) values (?, ?, ?, ?4, ?4, x'')
on conflict do nothing;

-- name: cursors
select group_id, channel, floor, reach, missing from broker_cursors where tenant = ?;

-- name: cursor
select floor, reach, missing from broker_cursors where tenant = ? and group_id = ? and channel = ?;

-- name: update_cursor
update broker_cursors set floor = ?, reach = ?, missing = ? where tenant = ? and group_id = ? and channel = ?;

-- name: delete_cursor
delete from broker_cursors where tenant = ? and group_id = ? and channel = ?;

-- name: delete_cursors
delete from broker_cursors where tenant = ? and group_id = ?;

-- name: upsert_failure
insert into broker_failures (tenant, group_id, position, channel, failures, reason) values (?, ?, ?, ?, ?, ?)
on conflict (tenant, group_id, position) do update set failures = excluded.failures, reason = excluded.reason;

-- name: delete_failure
delete from broker_failures where tenant = ? and group_id = ? and position = ?;

-- name: delete_failures_of_channel
delete from broker_failures where tenant = ? and group_id = ? and channel = ?;

-- name: delete_failures
delete from broker_failures where tenant = ? and group_id = ?;

-- name: failures
select group_id, position, failures from broker_failures where tenant = ?;

-- name: trimmable
select position from (
  select position, appended_ms from broker_events
  where tenant = ?1 and channel = ?2
    and position <= coalesce(
      (select min(floor) from broker_cursors where tenant = ?1 and channel = ?2), 9223372036854775807)
    and position < (select max(position) from broker_events)
  order by position limit ?4
) where appended_ms < ?3;

-- name: delete_event
delete from broker_events where position = ?;
