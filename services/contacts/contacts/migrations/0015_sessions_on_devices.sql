-- migrate:up

-- The key takes `kind` in later, by an index that is built while visits go on being written: see 0018 and 0019.
alter table session add column kind text not null default '';

-- migrate:down
delete from session where kind <> '';
alter table session drop column kind;
