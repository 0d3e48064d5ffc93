-- migrate:up
create table channel (
    channel text primary key,
    settings jsonb not null,
    version bigint not null,
    created_at timestamptz not null
);

create table contact (
    channel text not null,
    id uuid not null,
    member_id text,
    version bigint not null,
    doc jsonb not null,
    changed_by text not null,
    primary key (channel, id)
);

create unique index contact_by_member on contact (channel, member_id) where member_id is not null;

create table visit (
    channel text not null,
    id text not null,
    contact_id uuid not null,
    name text not null,
    at timestamptz not null,
    body jsonb not null,
    primary key (channel, id)
);

create index visit_by_contact on visit (channel, contact_id, at desc, id desc);

create table session (
    channel text not null,
    contact_id uuid not null,
    started_at timestamptz not null,
    ended_at timestamptz not null check (ended_at >= started_at),
    primary key (channel, contact_id, started_at)
);

create table profile_field (
    channel text not null,
    key text not null,
    definition jsonb not null,
    version bigint not null,
    primary key (channel, key)
);

-- migrate:down
drop table profile_field;
drop table session;
drop table visit;
drop table contact;
drop table channel;
