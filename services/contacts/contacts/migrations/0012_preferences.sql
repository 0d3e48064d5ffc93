-- migrate:up
create table preference (
    channel text not null,
    subject text not null,
    values jsonb not null,
    primary key (channel, subject)
);

-- migrate:down
drop table preference;
