-- What instances have for one another are rows of inboxes too. A worker that does not know of them finds none of its own.
create index inbox_notices on inbox (tenant, sequence) where kind <> 'event';
create index instances_parent on instances (tenant, parent) where parent is not null;
