-- name: definitions
select id, version, digest, file, document, operations, created, active, sequence, disabled
from definitions where tenant = ? order by sequence

-- name: define
insert into definitions (tenant, id, version, digest, file, document, operations, created, active)
values (?, ?, ?, ?, ?, ?, ?, ?, 1)

-- name: retire
update definitions set active = 0 where tenant = ? and id = ? and digest = ?

-- name: disable
update definitions set disabled = ? where tenant = ? and id = ? and digest = ?

-- name: remove_definition
delete from definitions where tenant = ? and id = ? and digest = ?

-- name: schedules
select definition, digest, through from schedules where tenant = ?

-- name: heed
insert into schedules (tenant, definition, digest, through) values (?, ?, ?, ?)
on conflict (tenant, definition, digest) do update set through = excluded.through

-- name: unschedule
delete from schedules where tenant = ? and definition = ? and digest = ?

-- name: instance
select state from instances where tenant = ? and id = ?

-- name: states
select sequence, id, state from instances where tenant = ? and sequence < ? order by sequence desc limit ?

-- name: save_instance
insert into instances (tenant, id, definition, version, digest, status, revision, started, updated, due, parent, state)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (tenant, id) do update set
    definition = excluded.definition, version = excluded.version, digest = excluded.digest,
    status = excluded.status, revision = excluded.revision, updated = excluded.updated,
    due = excluded.due, state = excluded.state

-- name: save_history
insert into history (instance, revision, at, causes)
select sequence, ?3, ?4, ?5 from instances where tenant = ?1 and id = ?2

-- name: history
select revision, at, causes from history
where instance = (select sequence from instances where tenant = ? and id = ?) order by revision

-- name: parked
select sequence, instance, channel, event, reason, at from parked where tenant = ? and sequence > ? order by sequence limit ?

-- name: instances
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = ?1 and sequence > ?2 and (?3 = '' or status = ?3) and (?4 = '' or definition = ?4)
and (?5 = '' or version = ?5) and (not ?6 or status not in ('completed', 'cancelled')) and started >= ?7 and started < ?8
order by sequence limit ?9

-- name: instances_stopped
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = ?1 and sequence > ?2 and status = ?3 and status in ('faulted', 'suspended')
and (?4 = '' or definition = ?4) and (?5 = '' or version = ?5) and (not ?6 or 1) and started >= ?7 and started < ?8
order by sequence limit ?9

-- name: instances_by_key
select i.sequence, i.id, i.definition, i.version, i.digest, i.status, i.started, i.updated, i.due
from correlations c join instances i on i.tenant = c.tenant and i.id = c.instance
where c.tenant = ?1 and i.sequence > ?2 and (?3 = '' or i.status = ?3) and (?4 = '' or i.definition = ?4)
and (?5 = '' or i.version = ?5) and (not ?6 or i.status not in ('completed', 'cancelled'))
and i.started >= ?7 and i.started < ?8 and c.key = ?10
order by i.sequence limit ?9

-- name: census_live
select definition, count(*) from instances
where tenant = ? and status not in ('completed', 'cancelled') group by definition

-- name: census_stopped
select definition, status, count(*) from instances
where tenant = ? and status in ('faulted', 'suspended') group by definition, status

-- name: census_rows
select (select count(*) from waits where tenant = ?1), (select count(*) from kept where tenant = ?1),
    (select count(*) from inbox where tenant = ?1 and kind = 'event'), (select count(*) from parked where tenant = ?1)

-- name: has_live
select 1 from instances
where tenant = ? and definition = ? and digest = ? and status not in ('completed', 'cancelled') limit 1

-- name: due
select id from instances where tenant = ? and due is not null and due <= ? order by due limit ?

-- name: next_due
select min(due) from instances where tenant = ? and due > ?

-- name: ended
select updated, id from instances
where tenant = ? and status in ('completed', 'cancelled') and updated < ? and (updated, id) > (?, ?)
order by updated, id limit ?

-- name: remove_instance
delete from instances where tenant = ? and id = ?

-- name: remove_history
delete from history where instance = (select sequence from instances where tenant = ? and id = ?)

-- name: remove_inbox
delete from inbox where tenant = ? and instance = ?

-- name: known
select 1 from instances where tenant = ?1 and id = ?2
union all select 1 from tombstones where tenant = ?1 and instance = ?2

-- name: ids
select id from instances where tenant = ? and id > ? order by id limit ?

-- name: about_how_many
select coalesce((select max(sequence) from instances) - (select min(sequence) from instances) + 1, 0)

-- name: buried_ids
select instance from tombstones where tenant = ? and instance > ? order by instance limit ?

-- name: bury
insert or ignore into tombstones (tenant, instance, at) values (?, ?, ?)

-- name: claimant
select instance from correlations where tenant = ? and definition = ? and key = ?

-- name: claim
insert or replace into correlations (tenant, definition, key, instance) values (?, ?, ?, ?)

-- name: release
delete from correlations where tenant = ? and definition = ? and key = ?

-- name: waits
select instance, activation, accept from waits
where tenant = ? and definition = ? and channel = ? and key = ? order by sequence limit ?

-- name: listen
insert into waits (tenant, definition, channel, key, instance, activation, accept) values (?, ?, ?, ?, ?, ?, ?)

-- name: forget
delete from waits where tenant = ? and instance = ? and activation = ? and accept = ?

-- name: kept
select sequence, channel, key, event, expires from kept
where tenant = ? and definition = ? and channel = ? and key = ? and sequence > ? order by sequence limit ?

-- name: kept_channel
select sequence, channel, key, event, expires from kept
where tenant = ? and definition = ? and channel = ? and sequence > ? order by sequence limit ?

-- name: kept_key
select sequence, channel, key, event, expires from kept
where tenant = ? and definition = ? and key = ? and sequence > ? order by sequence limit ?

-- name: is_kept
select 1 from kept where sequence = ?

-- name: oldest_kept
select definition, sequence, channel, key, event, expires from kept where tenant = ? and sequence > ?
order by sequence limit ?

-- name: count_kept
select count(*) from kept where tenant = ?

-- name: keep
insert into kept (sequence, tenant, definition, channel, key, expires, event) values (?, ?, ?, ?, ?, ?, ?)

-- name: unkeep
delete from kept where sequence = ?

-- name: expired
select definition, sequence, channel, key, event, expires from kept where tenant = ? and expires <= ? order by expires limit ?

-- name: last_sequence
select seq from sqlite_sequence where name = ?

-- name: held
select sequence, channel, cause from inbox where tenant = ? and instance = ? and kind = 'event' order by sequence

-- name: notices
select sequence, kind, cause from inbox where tenant = ? and instance = ? and kind <> 'event' order by sequence

-- name: notify
insert into inbox (sequence, tenant, instance, kind, channel, cause) values (?, ?, ?, ?, '', ?)

-- name: noticed
select sequence, instance from inbox where tenant = ? and kind <> 'event' and sequence > ? order by sequence limit ?

-- name: children
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = ? and parent = ? order by sequence limit ?

-- name: hold
insert into inbox (sequence, tenant, instance, kind, channel, cause) values (?, ?, ?, 'event', ?, ?)

-- name: unhold
delete from inbox where sequence = ?

-- name: outbox
select sequence, instance, channel, event from outbox where tenant = ? and sequence > ? order by sequence limit ?

-- name: put_outbox
insert into outbox (tenant, sequence, instance, channel, event) values (?, ?, ?, ?, ?)

-- name: sent
delete from outbox where sequence = ?

-- name: seen
select digest from dedupe where tenant = ? and key = ?

-- name: see
insert or ignore into dedupe (tenant, key, digest, at) values (?, ?, ?, ?)

-- name: prunable
select 1 where exists (select 1 from dedupe where at < ?1) or exists (select 1 from tombstones where at < ?1)

-- name: prune_dedupe
delete from dedupe where (tenant, key, digest) in (select tenant, key, digest from dedupe where at < ? limit ?)

-- name: prune_tombstones
delete from tombstones where (tenant, instance) in (select tenant, instance from tombstones where at < ? limit ?)

-- name: positions
select channel, log, position from positions where tenant = ?

-- name: advance
insert into positions (tenant, channel, log, position) values (?, ?, ?, ?)
on conflict (tenant, channel) do update set log = excluded.log, position = excluded.position

-- name: park
insert into parked (tenant, instance, channel, event, reason, at) values (?, ?, ?, ?, ?, ?)

-- name: taken_up
select 1 from taken_up where tenant = ?

-- name: take_up
insert into taken_up (tenant, at) values (?, ?) on conflict (tenant) do update set at = excluded.at

-- name: let_go
delete from taken_up where tenant = ?

-- name: suspects
select log, position, count from suspects where tenant = ?

-- name: suspect
insert into suspects (tenant, log, position, count) values (?, ?, ?, 1)
on conflict (tenant, log, position) do update set count = count + 1

-- name: acquit
delete from suspects where tenant = ?

-- name: pending
select 1 from calls where tenant = ? and instance = ? and activation = ?

-- name: call
insert or replace into calls (tenant, instance, activation, session, call) values (?, ?, ?, ?, ?)

-- name: end_call
delete from calls where tenant = ? and instance = ? and activation = ?

-- name: foreign_calls
select instance, activation, call from calls where tenant = ? and session <> ? order by instance, activation limit ?

-- name: take_call
update calls set session = ?1 where tenant = ?2 and instance = ?3 and activation = ?4
