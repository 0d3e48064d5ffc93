-- migrate:up
create table export (
    channel text not null,
    id uuid not null,
    version bigint not null,
    status text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    expires_at timestamptz,
    state jsonb not null,
    lock bytea,
    lease_by text,
    lease_until timestamptz,
    primary key (channel, id)
);

create index export_by_time on export (channel, requested_at desc, id desc);
create index export_in_work on export (requested_at) where status in ('waiting', 'counting', 'writing', 'verifying');
create index export_to_expire on export (expires_at) where status = 'ready';

create table audit (
    channel text not null,
    id uuid not null,
    at timestamptz not null,
    by text not null,
    action text not null,
    target text,
    outcome text not null,
    address text,
    detail text,
    primary key (channel, id)
);

-- migrate:down
drop table audit;
drop table export;
