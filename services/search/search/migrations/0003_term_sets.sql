-- migrate:up
create table term_set (
    channel text not null,
    id uuid not null,
    key text not null,
    made_at timestamptz not null,
    made_by text not null,
    counts int[] not null,
    primary key (channel, id)
);

create table term_chunk (
    channel text not null,
    term_set uuid not null,
    number int not null,
    counts int[] not null,
    report bytea not null,
    compared bytea not null,
    primary key (channel, term_set, number),
    foreign key (channel, term_set) references term_set (channel, id) on delete cascade
);

-- migrate:down
drop table term_chunk;
drop table term_set;
