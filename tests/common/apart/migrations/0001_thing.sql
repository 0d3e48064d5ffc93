-- migrate:up
create table thing (id bigint primary key, name text not null);
insert into thing values (1, 'one'), (2, 'one');

-- migrate:down
drop table thing;
