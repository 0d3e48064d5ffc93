-- migrate:up

-- When a term set was last used, as it is noted: see `store.NOTED_EVERY`.
alter table term_set add column used_at timestamptz;
update term_set set used_at = now();
alter table term_set alter column used_at set not null;
create index term_set_by_use on term_set (used_at);

-- migrate:down
drop index term_set_by_use;
alter table term_set drop column used_at;
