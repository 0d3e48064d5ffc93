-- migrate:up

-- Of one event two managers may be told, each once.
alter table message drop constraint message_channel_event_id_key, add unique (channel, manager, event_id);

-- `address` is the URL and the secret, sealed under the service's key. `disabled_by` is null where nobody switched it off but its
-- own failing.
create table destination (
    channel text not null,
    id uuid not null,
    version bigint not null,
    kind text not null check (kind in ('room', 'slack', 'teams', 'mattermost', 'matrix', 'discord', 'webhook')),
    address bytea,
    events text[] not null,
    segment_id uuid,
    language text not null check (language in ('ko', 'en')),
    created_at timestamptz not null,
    created_by text not null,
    disabled_at timestamptz,
    disabled_by text,
    problem text,
    primary key (channel, id)
);
create index destination_of_segment on destination (channel, segment_id) where segment_id is not null;

-- How it goes with a destination, and who is sending to it: one worker at a time, so that its pace and its rest hold for all.
create table lane (
    channel text not null,
    destination_id uuid not null,
    failures integer not null default 0,
    failing_since timestamptz,
    last_answer jsonb,
    wake_at timestamptz,
    rest_until timestamptz,
    lease_by text,
    lease_until timestamptz,
    primary key (channel, destination_id),
    foreign key (channel, destination_id) references destination (channel, id) on delete cascade
);
create index lane_awake on lane (wake_at) where wake_at is not null;

-- `since` is when it was made or asked for again: for a day from then it is tried.
create table delivery (
    channel text not null,
    id uuid not null,
    destination_id uuid not null,
    event_id text not null,
    event text not null,
    at timestamptz not null,
    notice jsonb not null,
    status text not null check (status in ('waiting', 'delivered', 'parked')),
    attempts integer not null default 0,
    since timestamptz not null,
    next_at timestamptz,
    last_answer jsonb,
    primary key (channel, id),
    unique (channel, destination_id, event_id),
    foreign key (channel, destination_id) references destination (channel, id) on delete cascade
);
create index delivery_due on delivery (channel, destination_id, next_at, id) where status = 'waiting';
create index delivery_by_status on delivery (channel, status, id);
create index delivery_by_destination on delivery (channel, destination_id, id);
create index delivery_ended on delivery (at) where status <> 'waiting';

-- The segments that some destination is told of, by name; and what happens in a minute, until it is told.
create table watched (
    channel text not null,
    segment_id uuid not null,
    name text not null,
    primary key (channel, segment_id)
);
create table gathering (
    channel text not null,
    destination_id uuid not null,
    minute timestamptz not null,
    segment_id uuid not null,
    entered bigint not null,
    "left" bigint not null,
    primary key (channel, destination_id, minute, segment_id),
    foreign key (channel, destination_id) references destination (channel, id) on delete cascade
);
-- Each change is counted once, however often it is delivered.
create table counted (
    channel text not null,
    segment_id uuid not null,
    position bigint not null,
    at timestamptz not null,
    primary key (channel, segment_id, position)
);
create index counted_by_time on counted (at);

-- migrate:down
drop table counted;
drop table gathering;
drop table watched;
drop table delivery;
drop table lane;
drop table destination;
alter table message drop constraint message_channel_manager_event_id_key, add unique (channel, event_id);
