-- migrate:up
-- Hashes are keyed and answers sealed: without the caller's own Idempotency-Key a row tells nothing.
create table idempotent_request (
    channel text not null,
    name bytea not null,
    asked bytea not null,
    at timestamptz not null,
    answer bytea,
    contact_id uuid,
    erased boolean not null default false,
    primary key (channel, name)
);

create index idempotent_request_by_age on idempotent_request (at);

create index idempotent_request_by_contact on idempotent_request (channel, contact_id) where contact_id is not null;

-- migrate:down
drop table idempotent_request;
