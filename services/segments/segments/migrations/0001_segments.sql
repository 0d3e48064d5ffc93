-- migrate:up

-- Instants are milliseconds since 1970 in UTC (names end in _ms), as the evaluator counts; rows of one channel stand together.

-- Where each partition goes on: written in the transaction that holds the effect, so it is the truth, and the fence too.
create table consumer_offset (
    topic text not null,
    partition integer not null,
    next_offset bigint not null check (next_offset >= 0),
    primary key (topic, partition)
);

-- A channel's settings; `revision` moves whenever anything that gives its filters their meaning does.
create table channel (
    channel text primary key,
    country text not null default 'KR',
    time_zone text not null default 'Asia/Seoul',
    version bigint not null default 0,
    revision bigint not null default 0
);

create table field (
    channel text not null,
    key text not null,
    type text not null,
    archived boolean not null,
    version bigint not null,
    primary key (channel, key)
);

-- The newest state of every contact. Without `doc` it is gone (erased or merged): what is left says so to older versions.
create table contact (
    channel text not null,
    id uuid not null,
    version bigint not null,
    at_ms bigint not null,
    doc bytea,
    merged_into uuid,
    primary key (channel, id)
);

-- `build` counts the definitions that were judged over everyone, `since_ms` is the instant of the present one, and
-- `built_to` the last contact that its build has reached.
create table segment (
    channel text not null,
    id uuid not null,
    name text not null,
    filter jsonb not null,
    definition_version integer not null check (definition_version > 0),
    status text not null check (status in ('building', 'live', 'broken')),
    problem text,
    build integer not null check (build > 0),
    since_ms bigint not null,
    built_to uuid,
    created_at timestamptz not null,
    created_by text not null,
    primary key (channel, id)
);

create index segment_to_build on segment (since_ms) where status = 'building';

-- One row a segment, locked last in every transaction and held to its end: so positions commit in their order, and a reader
-- who pages by position misses nothing. The exact count moves with them.
create table tally (
    channel text not null,
    segment_id uuid not null,
    position bigint not null default 0,
    members bigint not null default 0 check (members >= 0),
    primary key (channel, segment_id)
);

-- Where a contact stands in a segment. No row: outside, and the clock will not change that.
create table membership (
    channel text not null,
    segment_id uuid not null,
    contact_id uuid not null,
    member boolean not null,
    since_ms bigint,
    next_change_ms bigint,
    settled_ms bigint not null,
    build integer not null,
    primary key (channel, segment_id, contact_id),
    check (member = (since_ms is not null))
) with (fillfactor = 80);

create index membership_by_contact on membership (channel, contact_id);
create index membership_due on membership (next_change_ms) where next_change_ms is not null;
create index membership_members on membership (channel, segment_id, contact_id) where member;
create index membership_spent on membership (settled_ms) where not member and next_change_ms is null;

create table change (
    channel text not null,
    segment_id uuid not null,
    position bigint not null,
    contact_id uuid not null,
    change text not null check (change in ('entered', 'left')),
    cause text not null check (cause in ('event', 'clock', 'definition', 'erasure')),
    at_ms bigint not null,
    contact_version bigint not null,
    primary key (channel, segment_id, position)
);

create index change_by_contact on change (channel, segment_id, contact_id, position desc);

-- migrate:down
drop table change;
drop table membership;
drop table tally;
drop table segment;
drop table contact;
drop table field;
drop table channel;
drop table consumer_offset;
