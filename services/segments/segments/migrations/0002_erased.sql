-- migrate:up

-- A contact without `doc` and without `merged_into` is erased; or hidden by the managed-user limit and may come back.
alter table contact add column erased boolean not null default false;

-- migrate:down
alter table contact drop column erased;
