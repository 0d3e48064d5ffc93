-- migrate:up
create table field (
    channel text not null,
    key text not null,
    type text not null,
    archived boolean not null,
    version bigint not null,
    slot smallint not null,
    primary key (channel, key),
    unique (channel, type, slot)
);

create table channel (
    channel text primary key,
    country text not null,
    time_zone text not null,
    version bigint not null
);

-- migrate:down
drop table channel;
drop table field;
