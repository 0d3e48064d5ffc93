-- migrate:up
-- How many bytes the state has as JSON: told with a contact's id, so that a transaction can be cut before the states are read. Null
-- where it was written before this column was there: then it is counted when it is asked for.
alter table contact add column doc_bytes integer;

-- migrate:down
alter table contact drop column doc_bytes;
