-- migrate:up

-- What Kafka takes from nobody, so that the rest goes on: for an operator to look at.
create table outbox_aside (like outbox, reason text not null, at timestamptz not null default now(), primary key (id));

-- migrate:down
drop table outbox_aside;
