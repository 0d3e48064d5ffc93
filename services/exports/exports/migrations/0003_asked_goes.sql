-- migrate:up

-- What search is asked to stream may name a person: it is kept beside the export while its work needs it, as the lock is.
alter table export add column asked jsonb;
update export set asked = state #> '{scope,asked}' where status in ('waiting', 'counting', 'writing', 'verifying');
update export set state = state #- '{scope,asked}';
update event set data = data #- '{scope,asked}' where type = 'export.requested';

-- migrate:down
alter table export drop column asked;
