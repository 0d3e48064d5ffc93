-- migrate:up

-- `version` counts a manager's changes: what an ETag names. `definition_version` counts those of the filter alone.
alter table segment add column version integer;
update segment set version = definition_version;
alter table segment alter column version set not null;

-- Every version of every segment, for as long as the segment is there. `by` is null where it was not noted yet.
create table definition (
    channel text not null,
    segment_id uuid not null,
    version integer not null check (version > 0),
    definition_version integer not null check (definition_version > 0),
    at timestamptz not null,
    by text,
    name text not null,
    filter jsonb not null,
    primary key (channel, segment_id, version)
);

insert into definition (channel, segment_id, version, definition_version, at, by, name, filter)
select channel, id, version, definition_version,
    case when definition_version = 1 then created_at else to_timestamp(since_ms / 1000.0) end,
    case when definition_version = 1 then created_by end, name, filter
from segment;

-- How far a build is: contacts judged, and how many there were when it began. `whole` is whether everyone has ever been judged by
-- the definition that stands: a segment that breaks in the middle of its first build has a part of its members.
alter table segment add column built integer not null default 0, add column to_build integer, add column whole boolean;
update segment set whole = status <> 'building';
alter table segment alter column whole set not null, alter column whole set default false;

-- What a segment's counts are read by.
create index change_by_instant on change (channel, segment_id, at_ms) include (change);

-- migrate:down
drop index change_by_instant;
alter table segment drop column built, drop column to_build, drop column whole;
drop table definition;
alter table segment drop column version;
