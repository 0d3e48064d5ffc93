-- migrate:up

-- How much the trays have on the disk, with their indexes, and who has held one of them longest: it cannot be emptied before that ends.
create view outbox_held as
with tray (oid) as (
    select inhrelid from pg_inherits where inhparent in ('outbox'::regclass, 'outbox_sent'::regclass)
)
select size.bytes, holder.pid, holder.name, coalesce(holder.seconds, 0) as seconds
from (select sum(pg_total_relation_size(oid))::bigint as bytes from tray) size
left join lateral (
    select
        held.pid,
        case when held.pid is null then 'a prepared transaction' else coalesce(application_name, '') end as name,
        extract(epoch from clock_timestamp() - coalesce(xact_start, prepared))::double precision as seconds
    from pg_locks held
    left join pg_stat_activity using (pid)
    left join pg_prepared_xacts on held.pid is null and held.virtualtransaction = '-1/' || pg_prepared_xacts.transaction
    where
        held.locktype = 'relation' and held.granted and held.pid is distinct from pg_backend_pid()
        and held.database = (select oid from pg_database where datname = current_database())
        and held.relation in (select oid from tray)
    order by coalesce(xact_start, prepared) limit 1
) holder on true;

-- migrate:down
drop view outbox_held;
