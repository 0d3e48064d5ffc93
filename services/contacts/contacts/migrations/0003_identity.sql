-- migrate:up

-- Whom a merged lead's id stands for; a copy of what `doc` says, so that the database can follow it.
alter table contact add column merged_into uuid;

create index contact_by_survivor on contact (channel, merged_into) where merged_into is not null;

-- migrate:down
drop index contact_by_survivor;
alter table contact drop column merged_into;
