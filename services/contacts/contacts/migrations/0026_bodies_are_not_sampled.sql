-- migrate:up

-- No query asks what bodies have in common, and taking a sample of them apart is more than half of a table's ANALYZE.
alter table contact alter column doc set statistics 0;
alter table event alter column data set statistics 0;
alter table visit alter column body set statistics 0;

-- migrate:down
alter table visit alter column body set statistics -1;
alter table event alter column data set statistics -1;
alter table contact alter column doc set statistics -1;
