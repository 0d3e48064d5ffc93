-- migrate:up
create table job (
    channel text not null,
    id uuid not null,
    kind text not null,
    version bigint not null,
    status text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    body jsonb not null,
    state jsonb not null,
    lease_by text,
    lease_until timestamptz,
    primary key (channel, id)
);

create index job_by_time on job (channel, kind, requested_at desc, id desc);
create index job_in_work on job (requested_at) where status in ('waiting', 'running');

-- migrate:down
drop table job;
