-- migrate:up

-- A key is found by the channel and the word that its text names; it stands in web pages, so it is kept as it is.
create table browser_key (
    channel text not null,
    id uuid not null,
    word text not null,
    name text not null,
    origins text[] not null,
    created_at timestamptz not null,
    created_by text not null,
    ends_at timestamptz,
    primary key (channel, id),
    unique (channel, word)
);

create index browser_key_by_origin on browser_key using gin (origins);

-- migrate:down
drop table browser_key;
