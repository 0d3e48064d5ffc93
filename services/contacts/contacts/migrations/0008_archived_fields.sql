-- migrate:up

-- How many values came for an archived field. Apart from the definition: every writer that sends one counts here.
create table refused_value (
    channel text not null,
    key text not null,
    values bigint not null,
    primary key (channel, key)
);

-- migrate:down
drop table refused_value;
