-- AsyncAPI documents as they were registered; every version stays.

create table documents (
    sequence integer primary key autoincrement,
    tenant text not null,
    name text not null,
    number integer not null,
    digest text not null,
    document text not null,
    created real not null,
    unique (tenant, name, number)
) strict;
