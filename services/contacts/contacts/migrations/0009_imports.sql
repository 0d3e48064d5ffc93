-- migrate:up

-- What became of each row of a file: its number, whom it made or changed, and why it was refused; nothing that stood in it.
create table import_row (
    channel text not null,
    job_id uuid not null,
    number bigint not null,
    status text not null,
    contact_id uuid,
    code text,
    detail text,
    heading text,
    primary key (channel, job_id, number)
);

create index import_row_by_status on import_row (channel, job_id, status, number);
create index import_row_by_contact on import_row (channel, contact_id) where contact_id is not null;

-- Who was erased while an import was at work, by a hash of the import and the member id: no row of it makes the member anew.
create table import_erased (
    channel text not null,
    job_id uuid not null,
    member bytea not null,
    primary key (channel, job_id, member)
);

-- migrate:down
drop table import_erased;
drop table import_row;
