-- migrate:up
-- What was done about messages that were put aside, by their place in the dead letters' topic; the messages stay there.
create table dead_letter (
    topic text not null,
    partition int not null,
    place bigint not null,
    tries int not null,
    reason text not null,
    outcome text check (outcome in ('retried', 'dropped')),
    at timestamptz not null,
    primary key (topic, partition, place)
);

-- migrate:down
drop table dead_letter;
