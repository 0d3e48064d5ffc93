-- migrate:up

-- A link's page knows an export's id alone.
create unique index export_by_id on export (id);

-- migrate:down
drop index export_by_id;
