-- migrate:up

-- The channel's revision at which the row became what it is to those who judge: they read again only what has changed since theirs.
alter table segment add column revision bigint not null default 0;

create index segment_by_revision on segment (channel, revision);

-- migrate:down
drop index segment_by_revision;
alter table segment drop column revision;
