-- migrate:up

-- This moment, as soon as rows may have come to the outbox since the snapshot `known`, or after `patience` seconds: to look in here costs
-- a tenth of what an answer costs, so that it can be done often. Rows can have come where somebody ended who ran at `known`, or where ids
-- were given above `floor`: nobody who begins after `known` gets one below. The snapshot is taken before the id is read: what it shows has
-- an id by then.
create function outbox_look(
    known pg_snapshot, floor bigint, pause double precision, patience double precision, out snapshot pg_snapshot, out last bigint
) language plpgsql set search_path from current as $$
declare
    until constant timestamptz := clock_timestamp() + patience * interval '1 second';
    unchanged constant text := known::text;
begin
    loop
        snapshot := pg_current_snapshot();
        if clock_timestamp() >= until then
            exit;
        end if;
        if snapshot::text <> unchanged then
            select last_value into last from outbox_id;
            exit when last > floor
                or exists (select from pg_snapshot_xip(known) as ran (xid) where pg_visible_in_snapshot(ran.xid, snapshot));
        end if;
        perform pg_sleep(pause);
    end loop;
    select last_value into last from outbox_id;
end $$;

-- migrate:down
drop function outbox_look;
