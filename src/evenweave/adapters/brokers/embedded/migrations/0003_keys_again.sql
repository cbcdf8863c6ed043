-- The runs are written anew from the log: while they were put together, keys could be left behind.
delete from broker_keys;
delete from broker_runs;

insert into broker_keys (tenant, run, key, position)
select tenant, 1, dedupe, max(position) from broker_events group by tenant, dedupe;

insert into broker_runs (tenant, run, level, last, keys, trimmed)
select e.tenant, 1, 9, max(e.position), (select count(*) from broker_keys k where k.tenant = e.tenant), 0
from broker_events e group by e.tenant;
