-- Until when the schedule of a definition was heeded; the times themselves follow from the definition.
create table schedules (
    tenant text not null,
    definition text not null,
    digest text not null,
    through double precision not null,
    primary key (tenant, definition, digest)
);
