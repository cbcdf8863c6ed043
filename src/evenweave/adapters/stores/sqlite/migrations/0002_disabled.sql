-- A definition can be disabled for a time. A worker that does not know the column goes on as before.
alter table definitions add column disabled integer not null default 0;
