-- migrate:up
alter table session drop constraint session_pkey, add constraint session_pkey primary key using index session_by_kind;

-- migrate:down
delete from session where kind <> '';
alter table session drop constraint session_pkey, add primary key (channel, contact_id, started_at);
