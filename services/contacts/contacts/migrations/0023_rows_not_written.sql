-- migrate:up

-- What a row did not write although it was taken: {"profile.x": "once"}; null where it wrote all that it said.
alter table import_row add column not_written jsonb;

-- migrate:down
alter table import_row drop column not_written;
