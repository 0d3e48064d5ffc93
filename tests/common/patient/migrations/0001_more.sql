-- migrate:up
alter table held add column more integer;

-- migrate:down
alter table held drop column more;
