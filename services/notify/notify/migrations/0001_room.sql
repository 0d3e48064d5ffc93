-- migrate:up
create table message (
    channel text not null,
    manager text not null,
    id uuid not null,
    event_id text not null,
    at timestamptz not null,
    kind text not null,
    text text not null,
    link text,
    primary key (channel, manager, id),
    unique (channel, event_id)
);

-- migrate:down
drop table message;
