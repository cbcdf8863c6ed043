-- Whether somebody works on the store: a row that is there at a start was left by a process that died.
create table taken_up (
    tenant text not null primary key,
    at real not null
) strict, without rowid;

-- How often an event was in hand when a process died (PROTOCOL section 2, "One bad instance"); empty on the good path.
create table suspects (
    tenant text not null,
    log text not null,
    position integer not null,
    count integer not null,
    primary key (tenant, log, position)
) strict, without rowid;
