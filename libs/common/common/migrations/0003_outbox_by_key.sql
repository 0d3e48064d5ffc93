-- migrate:up

-- An erasure takes the rows of one contact back, however many wait.
create index outbox_by_key on outbox (key);

-- migrate:down
drop index outbox_by_key;
