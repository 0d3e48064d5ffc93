-- migrate:up

-- Whom a ready file holds: its contacts' ids, sixteen bytes each, ascending, by thousands under the first of them.
create table holding (
    channel text not null,
    export_id uuid not null,
    first uuid not null,
    ids bytea not null,
    primary key (channel, export_id, first)
);

create table erased_contact (
    channel text not null,
    contact_id uuid not null,
    at timestamptz not null,
    primary key (channel, contact_id)
);

create index erased_contact_by_time on erased_contact (channel, at);

-- migrate:down
drop table erased_contact;
drop table holding;
