-- migrate:up

-- The head follows the lines by itself: the service's role adds lines and may touch nothing else (docs/audit.md). A line that does not
-- follow the last one is refused. The tables are named by the schema of the line's: a temporary one of the same name is not meant.
create function audit_followed() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    moved bigint;
begin
    execute format('insert into %I.audit_head (channel, number, hash) values ($1, 0, '''') on conflict do nothing', tg_table_schema)
        using new.channel;
    execute format('update %I.audit_head set number = $2, hash = $3 where channel = $1 and number = $2 - 1', tg_table_schema)
        using new.channel, new.number, new.hash;
    get diagnostics moved = row_count;
    if moved <> 1 then
        raise exception 'a line of the audit log does not follow the last one' using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;

create trigger audit_followed after insert on audit for each row execute function audit_followed();

-- migrate:down
drop trigger audit_followed on audit;
drop function audit_followed();
