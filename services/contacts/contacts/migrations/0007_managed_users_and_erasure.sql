-- migrate:up

-- `hidden` is a copy of what `doc` says. An erased contact keeps its id and version, so that nothing of it comes back.
alter table contact add column hidden boolean not null default false, add column erased_at timestamptz;

create index contact_counted on contact (channel) where merged_into is null and erased_at is null;
create index contact_hidden on contact (channel, id) where hidden;

-- One row for each channel that has a limit, or had one and still hides contacts.
create table managed_users (
    channel text primary key,
    "limit" bigint check ("limit" >= 0),
    count bigint not null check (count >= 0),
    hidden bigint not null check (hidden between 0 and count),
    warned smallint not null check (warned in (0, 80, 100)),
    version bigint not null
);

create table erasure (
    channel text not null,
    id uuid not null,
    contact_id uuid not null,
    erased jsonb not null,
    at timestamptz not null,
    by text not null,
    primary key (channel, id)
);

-- migrate:down
drop table erasure;
drop table managed_users;
drop index contact_hidden;
drop index contact_counted;
alter table contact drop column hidden, drop column erased_at;
