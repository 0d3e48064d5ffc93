-- migrate:up

-- How often the database was put back to an earlier moment, and when last: the front of every version from then on (common.epoch).
create table epoch (
    one boolean primary key default true check (one),
    number integer not null check (number >= 0),
    begun_at timestamptz
);
insert into epoch (number) values (0);

-- In which a contact came to be; a new epoch changes the default. Versions of those from before are lifted when they are read: nothing has
-- to be written anew after a restore, however many there are.
alter table contact add column epoch integer not null default 0;

-- How far the newest states of everyone, or of a channel, are told again: the last contact, and how many by then.
create table republishing (
    scope text primary key,
    channel text not null,
    contact_id uuid not null,
    told bigint not null
);

-- migrate:down
drop table republishing;
alter table contact drop column epoch;
drop table epoch;
