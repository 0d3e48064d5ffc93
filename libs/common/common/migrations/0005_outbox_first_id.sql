-- migrate:up

-- A sequence that has given no id names its first as the last it gave. A relay that looked then took the first row for one it had seen.
-- So the first id is given to nobody.
select nextval('outbox_id');

-- migrate:down
