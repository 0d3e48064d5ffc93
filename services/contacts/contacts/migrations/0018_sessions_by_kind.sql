-- migrate:up transaction:false
drop index concurrently if exists session_by_kind;
create unique index concurrently session_by_kind on session (channel, contact_id, kind, started_at);

-- migrate:down
drop index if exists session_by_kind;
