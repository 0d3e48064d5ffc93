-- migrate:up
create table link (
    channel text not null,
    id text not null,
    content jsonb not null,
    used_at timestamptz not null,
    primary key (channel, id)
);

create index link_by_use on link (used_at);

create table list_view (
    channel text not null,
    id uuid not null,
    made_by text not null,
    shared boolean not null,
    version bigint not null,
    name text not null,
    link text not null,
    columns text[] not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    changed_by text not null,
    primary key (channel, id),
    foreign key (channel, link) references link (channel, id)
);

create index list_view_by_link on list_view (channel, link);
create index list_view_by_maker on list_view (channel, made_by);

-- migrate:down
drop table list_view;
drop table link;
