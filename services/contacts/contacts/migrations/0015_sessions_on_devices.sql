-- migrate:up
alter table session add column kind text not null default '';
alter table session drop constraint session_pkey;
alter table session add primary key (channel, contact_id, kind, started_at);

-- migrate:down
delete from session where kind <> '';
alter table session drop constraint session_pkey;
alter table session drop column kind;
alter table session add primary key (channel, contact_id, started_at);
