-- What ended, in the order of that, so that it can be let go of in small steps. An old worker need not know of it.
create index instances_ended on instances (tenant, updated, id) where status in ('completed', 'cancelled');
