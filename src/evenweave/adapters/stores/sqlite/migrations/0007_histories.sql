-- The history of an instance lies under the instance's number, which grows: what moves now is written into a few pages of
-- the index, where the instances' ids, which are hashes, would be spread over all of it.
create table histories (
    instance integer not null,
    revision integer not null,
    at real not null,
    causes blob not null,
    primary key (instance, revision)
) strict;

insert into histories (instance, revision, at, causes)
select i.sequence, h.revision, h.at, h.causes from history h join instances i on i.tenant = h.tenant and i.id = h.instance
order by i.sequence, h.revision;

drop table history;
alter table histories rename to history;
