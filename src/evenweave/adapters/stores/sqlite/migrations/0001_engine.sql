-- The Workflow Engine's tables (PROTOCOL section 2). Every key begins with the tenant.

create table definitions (
    sequence integer primary key autoincrement,
    tenant text not null,
    id text not null,
    version text not null,
    digest text not null,
    file text not null,
    document text not null,
    operations blob not null,
    created real not null,
    active integer not null,
    unique (tenant, id, digest)
) strict;

-- One row an instance, its state whole. `due` is the earliest deadline in it: there is no timer table.
create table instances (
    sequence integer primary key,
    tenant text not null,
    id text not null,
    definition text not null,
    version text not null,
    digest text not null,
    status text not null,
    revision integer not null,
    started real not null,
    updated real not null,
    due real,
    parent text,
    state blob not null,
    unique (tenant, id)
) strict;

create index instances_due on instances (tenant, due) where due is not null;
create index instances_live on instances (tenant, definition, digest) where status not in ('completed', 'cancelled');
create index instances_stopped on instances (tenant, status) where status in ('faulted', 'suspended');

-- At most one row a burst: enough to run `step` again.
create table history (
    tenant text not null,
    instance text not null,
    revision integer not null,
    at real not null,
    causes blob not null,
    primary key (tenant, instance, revision)
) strict;

create table correlations (
    tenant text not null,
    definition text not null,
    key text not null,
    instance text not null,
    primary key (tenant, definition, key)
) strict, without rowid;

create index correlations_instance on correlations (tenant, instance);

create table waits (
    sequence integer primary key,
    tenant text not null,
    definition text not null,
    channel text not null,
    key text not null,
    instance text not null,
    activation integer not null,
    accept integer not null,
    unique (tenant, instance, activation, accept)
) strict;

create index waits_channel on waits (tenant, definition, channel, key);

create table kept (
    sequence integer primary key autoincrement,
    tenant text not null,
    definition text not null,
    channel text not null,
    key text not null,
    expires real not null,
    event blob not null
) strict;

create index kept_channel on kept (tenant, definition, channel, sequence);
create index kept_both on kept (tenant, definition, channel, key, sequence);
create index kept_key on kept (tenant, definition, key, sequence);
create index kept_expires on kept (tenant, expires);

create table inbox (
    sequence integer primary key autoincrement,
    tenant text not null,
    instance text not null,
    kind text not null,
    channel text not null,
    cause blob not null
) strict;

create index inbox_instance on inbox (tenant, instance);

create table outbox (
    sequence integer primary key autoincrement,
    tenant text not null,
    instance text not null,
    channel text not null,
    event blob not null
) strict;

-- What was consumed. `key` is a hash of source and id: with another digest it is another event.
create table dedupe (
    tenant text not null,
    key blob not null,
    digest blob not null,
    at real not null,
    primary key (tenant, key, digest)
) strict, without rowid;

create index dedupe_at on dedupe (at);

create table tombstones (
    tenant text not null,
    instance text not null,
    at real not null,
    primary key (tenant, instance)
) strict, without rowid;

create index tombstones_at on tombstones (at);

create table positions (
    tenant text not null,
    channel text not null,
    log text not null,
    position integer not null,
    primary key (tenant, channel)
) strict, without rowid;

create table calls (
    tenant text not null,
    instance text not null,
    activation integer not null,
    session text not null,
    call blob not null,
    primary key (tenant, instance, activation)
) strict, without rowid;

create table parked (
    sequence integer primary key autoincrement,
    tenant text not null,
    instance text not null,
    channel text not null,
    event blob not null,
    reason text not null,
    at real not null
) strict;
