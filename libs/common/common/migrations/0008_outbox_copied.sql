-- migrate:up

-- Many messages are copied in, and a copy computes nothing but defaults. Who copies has taken its transaction's number before.
alter table outbox alter column id set default nextval('outbox_id');

-- migrate:down
alter table outbox alter column id drop default;
