Statements of the PostgreSQL store. Those of a batch come first: the function has what PROTOCOL section 2 asks for.

-- name: commit
select commit_batch_1(
    $1::text, $2::text, $3::bigint, $4::float8, $5::bigint, $6::boolean, $7::bigint, $8::bytea[], $9::bytea[],
    $10::bigint, $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::bigint[], $19::integer[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[],
    $26::text[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::text[], $32::text[], $33::text[],
    $34::text[], $35::text[], $36::bigint[], $37::float8[], $38::float8[], $39::float8[], $40::text[], $41::bytea[],
    $42::text[], $43::text[], $44::text[], $45::text[], $46::text[], $47::bigint[], $48::float8[], $49::float8[],
    $50::bytea[], $51::text[], $52::bigint[], $53::float8[], $54::bytea[], $55::bigint[], $56::text[], $57::text[],
    $58::bytea[], $59::bigint[], $60::text[], $61::text[], $62::bigint[], $63::text[], $64::text[], $65::text[],
    $66::text[], $67::text[], $68::text[], $69::bigint[], $70::integer[], $71::text[], $72::text[], $73::text[],
    $74::text[], $75::bigint[], $76::integer[], $77::bigint[], $78::bigint[], $79::text[], $80::text[], $81::text[],
    $82::float8[], $83::bytea[], $84::bigint[], $85::bigint[], $86::text[], $87::text[], $88::text[], $89::bytea[],
    $90::text[], $91::bigint[], $92::text[], $93::bigint[], $94::bytea[]
)

-- name: schedules
select definition, digest, through from schedules where tenant = $1

-- name: heed
insert into schedules (tenant, definition, digest, through)
select $1, n.* from unnest($2::text[], $3::text[], $4::float8[]) as n
on conflict (tenant, definition, digest) do update set through = greatest(schedules.through, excluded.through)

-- name: unschedule
delete from schedules where tenant = $1 and definition = $2 and digest = $3

-- name: park
insert into parked (tenant, instance, channel, event, reason, at)
select $1, n.* from unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::float8[]) as n

-- name: bury
insert into tombstones (tenant, instance, at)
select $1, n.* from unnest($2::text[], $3::float8[]) as n on conflict do nothing

-- name: remove_instances
delete from instances where tenant = $1 and id = any ($2::text[])

-- name: remove_history
delete from history where tenant = $1 and instance = any ($2::text[])

-- name: remove_inbox
delete from inbox where tenant = $1 and instance = any ($2::text[])

-- name: define
insert into definitions (tenant, id, version, digest, file, document, operations, created, active)
values ($1, $2, $3, $4, $5, $6, $7, $8, true)

-- name: retire
update definitions set active = false where tenant = $1 and id = $2 and digest = $3

-- name: disable
update definitions set disabled = $4 where tenant = $1 and id = $2 and digest = $3

-- name: undefine
delete from definitions where tenant = $1 and id = $2 and digest = $3

-- name: remove_definition
delete from definitions where tenant = $1 and id = $2 and digest = $3 and not exists (
    select 1 from instances
    where tenant = $1 and definition = $2 and digest = $3 and status not in ('completed', 'cancelled')
) returning 1

-- name: count_up
insert into definitions_versions (tenant, version) values ($1, 1)
on conflict (tenant) do update set version = definitions_versions.version + 1

-- name: give_up
update batches set number = $3 + 1 where tenant = $1 and session = $2 and number = $3 - 1

-- name: reached
select number from batches where tenant = $1 and session = $2

-- Look-ups of a batch that is being made.

-- name: look_for_waits
select q.definition, q.channel, q.key, w.instance, w.activation, w.accept
from (select distinct * from unnest($2::text[], $3::text[], $4::text[]) as q (definition, channel, key)) as q,
lateral (
    select * from waits w
    where w.tenant = $1 and w.definition = q.definition and w.channel = q.channel and w.key = q.key offset 0
) as w
order by w.sequence

-- name: look_for_claims
select q.definition, q.key, c.instance
from (select distinct * from unnest($2::text[], $3::text[]) as q (definition, key)) as q,
lateral (
    select c.instance from correlations c
    where c.tenant = $1 and c.definition = q.definition and c.key = q.key offset 0
) as c

-- name: fetch_states
select q.id, i.revision, case when i.revision <> q.revision then i.state end as state
from unnest($2::text[], $3::bigint[]) as q (id, revision),
lateral (select i.revision, i.state from instances i where i.tenant = $1 and i.id = q.id offset 0) as i

-- name: instance
select state from instances where tenant = $1 and id = $2

-- name: states
select sequence, id, state from instances where tenant = $1 and sequence < $2 order by sequence desc limit $3

-- name: known
select 1 from instances where tenant = $1 and id = $2
union all select 1 from tombstones where tenant = $1 and instance = $2

-- name: seen
select q.key, d.digest from (select distinct key from unnest($2::bytea[]) as q (key)) as q,
lateral (select d.digest from dedupe d where d.tenant = $1 and d.key = q.key offset 0) as d

-- name: kept
select sequence, channel, key, event, expires from kept
where tenant = $1 and definition = $2 and channel = $3 and key = $4 and sequence > $5 order by sequence limit $6

-- name: kept_channel
select sequence, channel, key, event, expires from kept
where tenant = $1 and definition = $2 and channel = $3 and sequence > $4 order by sequence limit $5

-- name: kept_key
select sequence, channel, key, event, expires from kept
where tenant = $1 and definition = $2 and key = $3 and sequence > $4 order by sequence limit $5

-- name: is_kept
select 1 from kept where sequence = $1

-- name: oldest_kept
select definition, sequence, channel, key, event, expires from kept where tenant = $1 and sequence > $2
order by sequence limit $3

-- name: count_kept
select count(*) from kept where tenant = $1

-- name: held
select sequence, channel, cause from inbox
where tenant = $1 and instance = $2 and kind = 'event' order by sequence

-- name: notices
select sequence, kind, cause from inbox
where tenant = $1 and instance = $2 and kind <> 'event' order by sequence

-- name: pending
select 1 from calls where tenant = $1 and instance = $2 and activation = $3

-- name: take_over_calls
with orphans as (
    select c.instance, c.activation from calls c
    where c.tenant = $1 and c.session <> all (
        array(select s.id from sessions s where s.tenant = $1 and s.expires > clock_timestamp())
    )
    order by c.instance, c.activation limit $3 for update skip locked
), taken as (
    update calls c set session = $2 from orphans o
    where c.tenant = $1 and c.instance = o.instance and c.activation = o.activation
    returning c.instance, c.activation, c.call
)
select instance, activation, call from taken order by instance, activation

-- What stands for itself.

-- name: definitions
select id, version, digest, file, document, operations, created, active, sequence, disabled
from definitions where tenant = $1 order by sequence

-- name: version
select version from definitions_versions where tenant = $1

-- name: positions
select channel, log, position from positions where tenant = $1

-- name: instances
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = $1 and sequence > $2 and ($3 = '' or status = $3) and ($4 = '' or definition = $4)
and ($5 = '' or version = $5) and (not $6::boolean or status not in ('completed', 'cancelled'))
and started >= $7 and started < $8
order by sequence limit $9

-- name: instances_stopped
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = $1 and sequence > $2 and status = $3 and status in ('faulted', 'suspended')
and ($4 = '' or definition = $4) and ($5 = '' or version = $5) and (not $6::boolean or true)
and started >= $7 and started < $8
order by sequence limit $9

-- name: instances_by_key
select i.sequence, i.id, i.definition, i.version, i.digest, i.status, i.started, i.updated, i.due
from correlations c join instances i on i.tenant = c.tenant and i.id = c.instance
where c.tenant = $1 and i.sequence > $2 and ($3 = '' or i.status = $3) and ($4 = '' or i.definition = $4)
and ($5 = '' or i.version = $5) and (not $6::boolean or i.status not in ('completed', 'cancelled'))
and i.started >= $7 and i.started < $8 and c.key = $10
order by i.sequence limit $9

-- name: history
select revision, at, causes from history where tenant = $1 and instance = $2 order by revision

-- name: noticed
select sequence, instance from inbox where tenant = $1 and kind <> 'event' and sequence > $2 order by sequence limit $3

-- name: children
select sequence, id, definition, version, digest, status, started, updated, due from instances
where tenant = $1 and parent = $2 order by sequence limit $3

-- name: has_live
select 1 from instances
where tenant = $1 and definition = $2 and digest = $3 and status not in ('completed', 'cancelled') limit 1

-- name: due
select id from instances where tenant = $1 and due is not null and due <= $2 order by due limit $3

-- name: next_due
select min(due) from instances where tenant = $1 and due > $2

-- name: expired
select definition, sequence, channel, key, event, expires from kept
where tenant = $1 and expires <= $2 order by expires limit $3

-- name: outbox
select sequence, instance, channel, event from outbox
where tenant = $1 and session = $2 and sequence > $3 order by sequence limit $4

-- name: adopt
with orphans as (
    select o.sequence from outbox o
    where o.tenant = $1 and o.session <> all (
        array(select s.id from sessions s where s.tenant = $1 and s.expires > clock_timestamp())
    )
    order by o.sequence limit $3 for update skip locked
), adopted as (
    update outbox o set session = $2 from orphans where o.sequence = orphans.sequence
    returning o.sequence, o.instance, o.channel, o.event
)
select sequence, instance, channel, event from adopted order by sequence

-- name: parked
select sequence, instance, channel, event, reason, at from parked
where tenant = $1 and sequence > $2 order by sequence limit $3

-- name: census_live
select definition, count(*) from instances
where tenant = $1 and status not in ('completed', 'cancelled') group by definition

-- name: census_stopped
select definition, status, count(*) from instances
where tenant = $1 and status in ('faulted', 'suspended') group by definition, status

-- name: census_rows
select (select count(*) from waits where tenant = $1), (select count(*) from kept where tenant = $1),
    (select count(*) from inbox where tenant = $1 and kind = 'event'), (select count(*) from parked where tenant = $1)

-- name: prunable
select exists (select 1 from dedupe where at < $1) or exists (select 1 from tombstones where at < $1)

-- name: ended
select updated, id from instances
where tenant = $1 and status in ('completed', 'cancelled') and updated < $2 and (updated, id) > ($3, $4)
order by updated, id limit $5

-- name: prune_dedupe
delete from dedupe where (tenant, key, digest) in (
    select tenant, key, digest from dedupe where at < $1 limit $2 for update skip locked
)

-- name: prune_tombstones
delete from tombstones where (tenant, instance) in (
    select tenant, instance from tombstones where at < $1 limit $2 for update skip locked
)

-- Sessions.

-- name: open_session
insert into sessions (tenant, id, number, host, process, expires)
values ($1, $2, nextval('session_numbers'), $3, $4, clock_timestamp() + make_interval(secs => $5))
returning number, (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms

-- name: open_batches
insert into batches (tenant, session, number) values ($1, $2, 0) on conflict do nothing

-- name: close_batches
delete from batches where tenant = $1 and session = $2

-- name: renew_session
update sessions set expires = clock_timestamp() + make_interval(secs => $3) where tenant = $1 and id = $2 returning 1

-- name: close_session
delete from sessions where tenant = $1 and id = $2

-- name: sweep_sessions
delete from sessions s where s.tenant = $1 and s.expires < clock_timestamp()
and not exists (select 1 from outbox o where o.tenant = $1 and o.session = s.id)
and not exists (select 1 from calls c where c.tenant = $1 and c.session = s.id)

-- name: sweep_batches
delete from batches b where b.tenant = $1
and not exists (select 1 from sessions s where s.tenant = $1 and s.id = b.session)

-- name: count_bytes
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
