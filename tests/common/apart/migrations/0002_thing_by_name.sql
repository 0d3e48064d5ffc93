-- migrate:up transaction:false

-- A remark; the first statement ends within its line.
drop index concurrently if exists thing_by_name;
create unique index concurrently thing_by_name
    on thing (name);

-- migrate:down
drop index thing_by_name;
