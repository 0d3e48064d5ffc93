-- migrate:up

-- The term sets that the channel's segments name, as the evaluator needs them: search keeps the terms themselves. Once made,
-- a term set never changes. `digests` are sorted, 16 bytes of each term.
create table term_set (
    channel text not null,
    id uuid not null,
    key text not null,
    terms integer not null check (terms >= 0),
    digests bytea not null,
    primary key (channel, id)
);

alter table term_set alter column digests set storage external;

-- migrate:down
drop table term_set;
