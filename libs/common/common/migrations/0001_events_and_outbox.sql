-- migrate:up
create table event (
    channel text not null,
    stream uuid not null,
    version bigint not null check (version > 0),
    type text not null,
    data jsonb not null,
    at timestamptz not null,
    by text not null,
    cause text not null,
    primary key (channel, stream, version)
);

create table outbox (
    id bigint generated always as identity primary key,
    shard smallint not null check (shard between 0 and 15),
    topic text not null,
    key text not null,
    value bytea,
    headers jsonb not null
);

create index outbox_by_shard on outbox (shard, id);

-- migrate:down
drop table outbox;
drop table event;
