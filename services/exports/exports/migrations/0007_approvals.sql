-- migrate:up

-- What nobody has approved in seven days ends by itself, as a file does.
drop index export_to_expire;
create index export_to_expire on export (expires_at) where status in ('ready', 'awaitingApproval');

-- migrate:down
drop index export_to_expire;
create index export_to_expire on export (expires_at) where status = 'ready';
