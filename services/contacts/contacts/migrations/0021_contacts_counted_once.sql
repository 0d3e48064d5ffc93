-- migrate:up transaction:false
drop index concurrently if exists contact_counted;

-- migrate:down
create index contact_counted on contact (channel) where merged_into is null and erased_at is null;
