-- migrate:up transaction:false

-- How many there are is asked again and again.
create index concurrently if not exists delivery_parked on delivery (id) where status = 'parked';

-- migrate:down
drop index delivery_parked;
