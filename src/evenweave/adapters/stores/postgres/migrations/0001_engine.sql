-- The Workflow Engine's tables (PROTOCOL section 2). Every key begins with the tenant. No foreign keys: on hot tables
-- each would be another lock and another look-up a row. Instances and what comes and goes with them is updated in place
-- (fillfactor 70) and vacuumed early, for a queue is as slow as the dead rows at its head. A plan that is made while a
-- table is empty must be right when it is full: where two indexes could serve a look-up, only one begins with what is
-- looked up.

-- A worker that lives, for as long as it renews its lease by the clock of the database. What it holds (outbox rows,
-- calls) is another one's once that is over.
create table sessions (
    tenant text not null,
    id text not null,
    number bigint not null,
    host text not null,
    process integer not null,
    expires timestamptz not null,
    primary key (tenant, id)
);

create sequence session_numbers maxvalue 1023 cycle;

-- Grows with every change of the definitions: a batch that was made with an older table is made again.
create table definitions_versions (
    tenant text primary key,
    version bigint not null
);

create table definitions (
    sequence bigint generated always as identity primary key,
    tenant text not null,
    id text not null,
    version text not null,
    digest text not null,
    file text not null,
    document text not null,
    operations bytea not null,
    created double precision not null,
    active boolean not null,
    disabled boolean not null default false,
    unique (tenant, id, digest)
);

-- One row an instance, its state whole. `due` is the earliest deadline in it: there is no timer table.
create table instances (
    sequence bigint generated always as identity,
    tenant text not null,
    id text not null,
    definition text not null,
    version text not null,
    digest text not null,
    status text not null,
    revision bigint not null,
    started double precision not null,
    updated double precision not null,
    due double precision,
    parent text,
    state bytea not null,
    primary key (tenant, id)
) with (
    fillfactor = 70, toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);

-- Compressing a state costs more than writing it.
alter table instances alter column state set storage external;

create unique index instances_sequence on instances (sequence);
create index instances_due on instances (tenant, due) where due is not null;
create index instances_live on instances (tenant, definition, digest) where status not in ('completed', 'cancelled');
create index instances_parent on instances (tenant, parent) where parent is not null;
create index instances_stopped on instances (tenant, status) where status in ('faulted', 'suspended');

-- At most one row a burst: enough to run `step` again.
create table history (
    tenant text not null,
    instance text not null,
    revision bigint not null,
    at double precision not null,
    causes bytea not null,
    primary key (tenant, instance, revision)
) with (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.1);

alter table history alter column causes set storage external;

create table correlations (
    tenant text not null,
    definition text not null,
    key text not null,
    instance text not null,
    primary key (tenant, definition, key)
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

create index correlations_instance on correlations (instance, tenant);

create table waits (
    sequence bigint generated always as identity primary key,
    tenant text not null,
    definition text not null,
    channel text not null,
    key text not null,
    instance text not null,
    activation bigint not null,
    accept integer not null,
    unique (instance, activation, accept, tenant)
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

create index waits_channel on waits (definition, channel, key, tenant, sequence);

-- The numbers of kept, held and outgoing events are given by the worker, from the database's clock and its own number:
-- they are known before the rows are written, and grow over all workers as the time does.
create table kept (
    sequence bigint primary key,
    tenant text not null,
    definition text not null,
    channel text not null,
    key text not null,
    expires double precision not null,
    event bytea not null
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

create index kept_channel on kept (channel, definition, tenant, sequence);
create index kept_both on kept (tenant, definition, channel, key, sequence);
create index kept_key on kept (key, definition, tenant, sequence);
create index kept_expires on kept (tenant, expires);

create table inbox (
    sequence bigint primary key,
    tenant text not null,
    instance text not null,
    kind text not null,
    channel text not null,
    cause bytea not null
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

create index inbox_instance on inbox (tenant, instance);
create index inbox_notices on inbox (sequence) where kind <> 'event';

-- Each row is published by the worker whose session it names. Nobody reads it by "greater than the last": numbers are
-- committed out of order.
create table outbox (
    sequence bigint primary key,
    tenant text not null,
    session text not null,
    instance text not null,
    channel text not null,
    event bytea not null
) with (
    fillfactor = 70, toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0
);

alter table outbox alter column event set storage external;

create index outbox_session on outbox (tenant, session, sequence);

-- What was consumed. `key` is a hash of source and id: with another digest it is another event.
create table dedupe (
    tenant text not null,
    key bytea not null,
    digest bytea not null,
    at double precision not null,
    primary key (tenant, key, digest)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);

create index dedupe_at on dedupe using brin (at);

create table tombstones (
    tenant text not null,
    instance text not null,
    at double precision not null,
    primary key (tenant, instance)
);

create index tombstones_at on tombstones (at);

create table positions (
    tenant text not null,
    channel text not null,
    log text not null,
    position bigint not null,
    primary key (tenant, channel)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

create table calls (
    tenant text not null,
    instance text not null,
    activation bigint not null,
    session text not null,
    call bytea not null,
    primary key (tenant, instance, activation)
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

create table parked (
    sequence bigint generated always as identity primary key,
    tenant text not null,
    instance text not null,
    channel text not null,
    event bytea not null,
    reason text not null,
    at double precision not null
);
