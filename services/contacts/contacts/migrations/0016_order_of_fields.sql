-- migrate:up
alter table channel add column fields_order bigint not null default 0;

-- migrate:down
alter table channel drop column fields_order;
